"""The site: visitors, arms, events, and what is known of them."""
