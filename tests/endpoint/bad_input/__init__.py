"""Bad input: requests, connections and training files that must do no harm."""
