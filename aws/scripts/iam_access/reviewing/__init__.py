"""What the review of a pull request has to find before it is merged: values in, values out."""
