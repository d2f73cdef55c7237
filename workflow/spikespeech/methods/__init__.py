"""Other training methods on the same task: conversion, STDP."""
