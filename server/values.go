package server

// values is what modules keep with an account or a session: a handful of pairs,
// smaller and quicker than a map.
type values []value

type value struct{ key, v any }

func (vs values) get(key any) any {
	for i := range vs {
		if vs[i].key == key {
			return vs[i].v
		}
	}
	return nil
}

func (vs *values) set(key, v any) {
	for i := range *vs {
		if (*vs)[i].key == key {
			(*vs)[i].v = v
			return
		}
	}
	*vs = append(*vs, value{key, v})
}
