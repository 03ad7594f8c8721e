package bytestreams

// Handshake is handshake for the fuzz target.
var Handshake = handshake
