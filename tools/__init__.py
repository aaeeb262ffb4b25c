"""Instruments: they measure and derive (arrays in, values out) and know no model."""
