package live

import (
	"spor/artifacts"
	"spor/collect/live/autoruns"
	"spor/collect/live/domain"
	"spor/collect/live/protection"
	"spor/collect/live/settings"
	"spor/collect/live/shadows"
	"spor/collect/live/software"
	"spor/collect/live/subscriptions"
	"spor/collect/live/tasks"
)

// lasting gives those of what stays on a Windows: what starts by itself, what guards it, what is installed. Copies that
// ransomware deletes come first.
func lasting() []*artifacts.Collector {
	return []*artifacts.Collector{
		shadows.Collector,
		tasks.Collector,
		subscriptions.Collector,
		autoruns.Collector,
		protection.Defender,
		protection.Products,
		protection.Boot,
		protection.Audit,
		protection.Volumes,
		protection.Firewall,
		settings.Collector,
		domain.Collector,
		software.Installed,
		software.Updates,
	}
}
