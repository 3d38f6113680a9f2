//go:build !windows

package services

import "context"

func managed(context.Context) ([]Service, error) { return nil, errNoManager }
