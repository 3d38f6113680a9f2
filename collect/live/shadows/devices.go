package shadows

// Devices gives the names of the kernel's devices of shadow copies: HarddiskVolumeShadowCopy3. They can be read by them,
// below \\?\GLOBALROOT\Device\.
func Devices() ([]string, error) { return devices() }
