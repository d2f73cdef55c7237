"""Trainings: settings, schedule, the loop over epochs, quantised training, forecasts of cost."""
