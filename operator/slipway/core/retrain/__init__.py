"""RetrainPolicy: when to train again."""
