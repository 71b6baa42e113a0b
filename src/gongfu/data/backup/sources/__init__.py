"""What a node consists of, each part copied the way its own engine makes whole copies, and put back likewise."""
