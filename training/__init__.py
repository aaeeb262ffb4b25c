"""Where models learn: vision warm-up, SFT and GRPO."""
