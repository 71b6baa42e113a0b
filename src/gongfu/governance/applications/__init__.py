"""Applications 申报: from the notice to the payment and the final inspection."""
