package main

import "fmt"

// readConfig reads the configuration file.
func (o *options) readConfig(file string) error {
	return fmt.Errorf("reading %s: not there yet", file)
}
