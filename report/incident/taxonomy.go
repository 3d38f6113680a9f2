package incident

import "strings"

// Taxonomy is a place in the Reference Security Incident Taxonomy (RSIT, version 1003; github.com/enisaeu/
// Reference-Security-Incident-Taxonomy-Task-Force), the successor of eCSIRT.net's: "class/type".
type Taxonomy string

// taxonomy are its types by class.
const taxonomy texts = `abusive-content: spam harmful-speech violence
malicious-code: infected-system c2-server malware-distribution malware-configuration
information-gathering: scanner sniffing social-engineering
intrusion-attempts: ids-alert brute-force exploit
intrusions: privileged-account-compromise unprivileged-account-compromise application-compromise system-compromise burglary
availability: dos ddos misconfiguration sabotage outage
information-content-security: unauthorised-information-access unauthorised-information-modification data-loss data-leak
fraud: unauthorised-use-of-resources copyright masquerade phishing
vulnerable: weak-crypto ddos-amplifier potentially-unwanted-accessible information-disclosure vulnerable-system
other: other undetermined
test: test
`

// classTaxonomy is where the classes of the form belong. Ransomware is, by RSIT's own description, modification of information.
const classTaxonomy texts = `denial-of-service: availability/dos
break-in: intrusions/system-compromise
ransomware: information-content-security/unauthorised-information-modification
infection: malicious-code/infected-system
phishing: fraud/phishing
other: other/undetermined
`

func (t Taxonomy) problem() string {
	if t == "" {
		return ""
	}
	class, kind, ok := strings.Cut(string(t), "/")
	for known := range strings.FieldsSeq(taxonomy.get(class)) {
		if ok && kind == known {
			return ""
		}
	}
	return "taxonomy"
}

// Reference is where the incident belongs in RSIT: where the reporter put it, else where its class belongs; empty: not said.
func (w *What) Reference() Taxonomy {
	if w.Taxonomy != "" {
		return w.Taxonomy
	}
	return Taxonomy(classTaxonomy.get(string(w.Class)))
}
