"""Figures, tables, pages: all that turns results into a report."""
