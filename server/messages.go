package server

// MessageModule announces what the core does with messages.
func MessageModule(h *Host) *Module {
	return &Module{
		Name: "messages", XEP: "0160 1.0.1, 0203 2.0, 0334 1.0.0, 0359 0.7.0",
		Summary:         "messages wait for absent recipients, are marked with their delay and with ids nobody can forge; processing hints are obeyed",
		Features:        []string{"msgoffline"},
		AccountFeatures: []string{nsSID},
	}
}
