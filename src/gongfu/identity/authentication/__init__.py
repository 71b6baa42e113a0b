"""Who stands behind an identifier: real-name review of enterprises, signed proofs."""
