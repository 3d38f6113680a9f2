//go:build !windows

package domain

func (r *Record) ask() {}
