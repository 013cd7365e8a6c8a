//go:build !linux

package faultpoint

func stop() {}
