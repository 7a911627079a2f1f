"""Epidemiology of serum vitamin B12 and lichen sclerosus, from cohort tables to a reproducible report."""
