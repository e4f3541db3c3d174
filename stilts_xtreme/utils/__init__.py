"""What every room uses: files written and read with care, signals, the machine, text made safe to print."""
