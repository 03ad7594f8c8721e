package archive_test

import "natter/server"

func configTwo() server.Config {
	return server.Config{Domains: []string{"localhost", "example.org"}}
}
