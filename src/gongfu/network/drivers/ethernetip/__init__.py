"""EtherNet/IP: explicit messages to Rockwell Logix controllers and to any CIP object."""
