"""What carries an identifier on a thing: printable labels with QR codes and Data Matrix symbols."""
