// SPDX-License-Identifier: BSD-2-Clause

// Command fields prints where a Go host keeps what the fill reads of a plugin, from the host's DWARF:
// one line "fields ERR LOADED SYMS CLOSED", offsets in bytes; see fits.
package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"os"
)

// offsets reads the members of the structure called name.
func offsets(d *dwarf.Data, name string) (map[string]int64, error) {
	for r := d.Reader(); ; {
		e, err := r.Next()
		if err != nil || e == nil {
			return nil, fmt.Errorf("no %s: %v", name, err)
		}
		if e.Tag != dwarf.TagStructType || e.Val(dwarf.AttrName) != name {
			continue
		}
		t, err := d.Type(e.Offset)
		if err != nil {
			return nil, err
		}
		found := map[string]int64{}
		for _, f := range t.(*dwarf.StructType).Field {
			found[f.Name] = f.ByteOffset
		}
		return found, nil
	}
}

func read(host string) error {
	f, err := elf.Open(host)
	if err != nil {
		return err
	}
	d, err := f.DWARF()
	if err != nil {
		return err
	}
	p, err := offsets(d, "plugin.Plugin")
	if err != nil {
		return err
	}
	c, err := offsets(d, "runtime.hchan")
	if err != nil {
		return err
	}
	for _, name := range []string{"err", "loaded", "syms"} {
		if _, ok := p[name]; !ok {
			return fmt.Errorf("plugin.Plugin has no %s", name)
		}
	}
	if _, ok := c["closed"]; !ok {
		return fmt.Errorf("runtime.hchan has no closed")
	}
	fmt.Println("fields", p["err"], p["loaded"], p["syms"], c["closed"])
	return nil
}

func main() {
	if err := read(os.Args[1]); err != nil {
		fmt.Println("fields", err)
		os.Exit(1)
	}
}
