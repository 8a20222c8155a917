"""Fine-tuning: training files and their rules, LoRA training, adapter export."""
