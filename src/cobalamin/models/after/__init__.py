"""What is computed from a fit: interaction, standardisation, dose-response, contrasts."""
