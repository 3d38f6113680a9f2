package settings

import "strings"

// A row is a key of the table below and the values in it that are meant.
type row struct {
	area   string
	roots  string
	key    []string // components; "*" is any key
	values []string // names in lower case; "*": all
}

// root is where a key lies, by letter: what it begins with below HKEY_LOCAL_MACHINE, or below each user's hive.
func root(letter byte) (prefix string, user, known bool) {
	switch letter {
	case 'M':
		return `SOFTWARE\Microsoft`, false, true
	case 'W':
		return `SOFTWARE\Wow6432Node\Microsoft`, false, true
	case 'P':
		return `SOFTWARE\Policies\Microsoft`, false, true
	case 'A':
		return `SOFTWARE`, false, true
	case 'C':
		return `SYSTEM\CurrentControlSet\Control`, false, true
	case 'S':
		return `SYSTEM\CurrentControlSet\Services`, false, true
	case 'U':
		return `Software\Microsoft`, true, true
	case 'Q':
		return `Software\Policies\Microsoft`, true, true
	}
	return "", false, false
}

// rows are all that is read: area; roots; key; values. Passwords are left out on purpose. What the values mean is in
// Microsoft's documentation of group policy, of the security baselines and of the services themselves.
const rows = `powershell;PQ;Windows\PowerShell;enablescripts,executionpolicy
powershell;PQ;Windows\PowerShell\ScriptBlockLogging;*
powershell;PQ;Windows\PowerShell\ModuleLogging;*
powershell;PQ;Windows\PowerShell\ModuleLogging\ModuleNames;*
powershell;PQ;Windows\PowerShell\Transcription;*
powershell;PQ;PowerShellCore;enablescripts,executionpolicy
powershell;PQ;PowerShellCore\*;*
powershell;MWU;PowerShell\1\ShellIds\Microsoft.PowerShell;executionpolicy
powershell;M;PowerShell\*\PowerShellEngine;powershellversion,runtimeversion
powershell;C;Session Manager\Environment;__pslockdownpolicy,psmodulepath
logging;M;Windows\CurrentVersion\Policies\System\Audit;*
logging;C;Lsa;scenoapplylegacyauditpolicy,crashonauditfail,auditbaseobjects,fullprivilegeauditing
logging;S;EventLog;start
logging;S;EventLog\Security;maxsize,retention,file,autobackuplogfiles
logging;S;EventLog\System;maxsize,retention,file
logging;S;EventLog\Application;maxsize,retention,file
logging;M;Windows\CurrentVersion\WINEVT\Channels\Security;*
logging;M;Windows\CurrentVersion\WINEVT\Channels\Microsoft-Windows-PowerShell/Operational;enabled,maxsize
logging;M;Windows\CurrentVersion\WINEVT\Channels\Microsoft-Windows-Sysmon/Operational;enabled,maxsize
logging;M;Windows\CurrentVersion\WINEVT\Channels\Microsoft-Windows-TaskScheduler/Operational;enabled,maxsize
logging;M;Windows\CurrentVersion\WINEVT\Channels\Microsoft-Windows-WMI-Activity/Operational;enabled,maxsize
logging;M;Windows\CurrentVersion\WINEVT\Channels\Microsoft-Windows-Windows Defender/Operational;enabled,maxsize
logging;M;Windows\CurrentVersion\WINEVT\Channels\Microsoft-Windows-TerminalServices-LocalSessionManager/Operational;enabled,maxsize
logging;P;Windows\EventLog\EventForwarding\SubscriptionManager;*
logging;P;Windows\EventLog\*;*
remote-desktop;C;Terminal Server;fdenytsconnections,fsinglesessionperuser,allowremoterpc,fallowtogethelp,tsuserenabled
remote-desktop;C;Terminal Server\WinStations\RDP-Tcp;portnumber,userauthentication,securitylayer,minencryptionlevel,shadow,finheritshadow,sslcertificatesha1hash
remote-desktop;P;Windows NT\Terminal Services;*
remote-desktop;C;Lsa;disablerestrictedadmin,disablerestrictedadminoutboundcreds
remote-desktop;M;Windows\CurrentVersion\Policies\System\CredSSP\Parameters;*
remote-desktop;S;TermService;start,imagepath
remote-desktop;S;TermService\Parameters;servicedll
proxy;MUP;Windows\CurrentVersion\Internet Settings;proxyenable,proxyserver,proxyoverride,autoconfigurl,autodetect,proxysettingsperuser
proxy;M;Windows\CurrentVersion\Internet Settings\Connections;winhttpsettings
proxy;S;NlaSvc\Parameters\Internet;manualproxies
proxy;S;PortProxy\*\*;*
logon;M;Windows\CurrentVersion\Policies\System;enablelua,consentpromptbehavioradmin,consentpromptbehavioruser,promptonsecuredesktop,localaccounttokenfilterpolicy,filteradministratortoken,enablevirtualization,disablecad,dontdisplaylastusername,legalnoticecaption,softwaresasgeneration,disabletaskmgr,disableregistrytools,inactivitytimeoutsecs
logon;U;Windows\CurrentVersion\Policies\System;disabletaskmgr,disableregistrytools,disablecmd,wallpaper
logon;M;Windows NT\CurrentVersion\Winlogon;autoadminlogon,defaultusername,defaultdomainname,lastusedusername,cachedlogonscount,forceautologon,autologonsid,shutdownwithoutlogon,scremoveoption
logon;M;Windows NT\CurrentVersion\Winlogon\SpecialAccounts\UserList;*
credentials;C;Lsa;runasppl,runaspplboot,lsacfgflags,lmcompatibilitylevel,nolmhash,restrictanonymous,restrictanonymoussam,everyoneincludesanonymous,forceguest,limitblankpassworduse,disabledomaincreds,tokenleakdetectdelaysecs
credentials;C;Lsa\MSV1_0;*
credentials;C;SecurityProviders\WDigest;uselogoncredential,negotiate
credentials;C;DeviceGuard;*
credentials;C;DeviceGuard\Scenarios\*;enabled,locked
credentials;P;Windows\DeviceGuard;*
defender;M;Windows Defender;disableantispyware,disableantivirus,isservicerunning,passivemode,productstatus,producttype,installlocation,managedefenderproducttype,hybridmodeenabled,installtime,oobeinstalltime,pumode
defender;M;Windows Defender\Real-Time Protection;*
defender;M;Windows Defender\Features;tamperprotection,tamperprotectionsource,mpplatformkillbitsfromengine
defender;M;Windows Defender\SpyNet;spynetreporting,submitsamplesconsent,mapsconcurrency,laststatus
defender;M;Windows Defender\Signature Updates;avsignatureversion,assignatureversion,engineversion,signatureslastupdated,avsignatureapplied,lastfallbackorder,signaturetype
defender;M;Windows Defender\Scan;*
defender;M;Windows Defender\Threats\ThreatIDDefaultAction;*
defender;M;Windows Defender\Threats\ThreatSeverityDefaultAction;*
defender;M;Windows Defender\Windows Defender Exploit Guard\ASR;exploitguard_asr_rules
defender;M;Windows Defender\Windows Defender Exploit Guard\ASR\Rules;*
defender;M;Windows Defender\Windows Defender Exploit Guard\Controlled Folder Access;*
defender;M;Windows Defender\Windows Defender Exploit Guard\Network Protection;enablenetworkprotection
defender;M;Windows Defender Security Center\Notifications;*
defender;P;Windows Defender;*
defender;P;Windows Defender\*;*
defender;P;Windows Defender\Windows Defender Exploit Guard\*;*
defender;P;Windows Defender\Windows Defender Exploit Guard\ASR\Rules;*
defender;P;Windows Advanced Threat Protection;*
defender;M;Windows Advanced Threat Protection\Status;onboardingstate,orgid,senseid,lastconnected
defender;S;WinDefend;start,imagepath
defender;S;WdFilter;start
defender;S;WdBoot;start
defender;S;WdNisSvc;start
defender;S;Sense;start
defender;S;SecurityHealthService;start
defender;S;wscsvc;start
defender;M;Security Center;*
defender;M;Security Center\Svc;*
defender;U;Windows Script\Settings;amsienable
defender;M;AMSI;featurebits
smart-screen;M;Windows\CurrentVersion\Explorer;smartscreenenabled,aicenabled
smart-screen;P;Windows\System;enablesmartscreen,shellsmartscreenlevel
firewall;S;SharedAccess\Parameters\FirewallPolicy\*;enablefirewall,defaultinboundaction,defaultoutboundaction,disablenotifications,donotallowexceptions,disableunicastresponsestomulticastbroadcast
firewall;S;SharedAccess\Parameters\FirewallPolicy\*\Logging;*
firewall;P;WindowsFirewall\*;enablefirewall,defaultinboundaction,defaultoutboundaction,disablenotifications,donotallowexceptions,allowlocalpolicymerge
firewall;P;WindowsFirewall\*\Logging;*
firewall;S;MpsSvc;start
firewall;S;BFE;start
boot;C;.;systemstartoptions,systembootdevice,firmwarebootdevice,currentuser,lastbootsucceeded,lastbootshutdown
boot;C;SecureBoot\State;*
boot;C;SafeBoot\Option;*
boot;C;CI;*
boot;C;CI\Config;*
boot;C;CI\Policy;*
boot;C;CI\Protected;*
boot;C;Session Manager\Power;hiberbootenabled
boot;C;Windows;shutdowntime,systemdirectory
boot;C;CrashControl;crashdumpenabled,dumpfile,autoreboot
boot;C;Session Manager\Memory Management;clearpagefileatshutdown,pagingfiles,existingpagefiles
boot;M;Windows NT\CurrentVersion;buildlab,buildlabex,ubr,installdate,installtime,editionid,displayversion,registeredowner,registeredorganization
time;S;W32Time;start
time;S;W32Time\Parameters;type,ntpserver
time;S;W32Time\Config;maxposphasecorrection,maxnegphasecorrection,announceflags
time;S;W32Time\TimeProviders\*;enabled,specialpollinterval,inputprovider
time;S;W32Time\SecureTimeLimits;*
time;P;W32Time\Parameters;*
files;C;FileSystem;ntfsdisablelastaccessupdate,refsdisablelastaccessupdate,ntfsdisable8dot3namecreation,longpathsenabled,ntfsdisableencryption,ntfsencryptpagingfile
files;C;Session Manager\Memory Management\PrefetchParameters;enableprefetcher,enablesuperfetch,boottime
files;S;SysMain;start
files;M;Windows\CurrentVersion\Explorer\BitBucket;*
bitlocker;C;BitLockerStatus;*
bitlocker;C;BitLocker;*
bitlocker;P;FVE;*
bitlocker;S;BDESVC;start
recovery;M;Windows NT\CurrentVersion\SystemRestore;*
recovery;M;Windows NT\CurrentVersion\SystemRestore\Setup_Last;*
recovery;P;Windows NT\SystemRestore;*
recovery;S;VSS;start
recovery;S;swprv;start
recovery;S;volsnap;start
recovery;S;VSS\Settings;*
recovery;S;wbengine;start
recovery;S;SDRSVC;start
recovery;M;Windows\CurrentVersion\WindowsBackup;*
recovery;M;Windows\CurrentVersion\WindowsBackup\Status;*
file-sharing;S;LanmanServer;start
file-sharing;S;LanmanServer\Parameters;smb1,smb2,requiresecuritysignature,enablesecuritysignature,autoshareserver,autosharewks,nullsessionshares,nullsessionpipes,restrictnullsessaccess,enableforcedlogoff
file-sharing;S;LanmanWorkstation\Parameters;requiresecuritysignature,enablesecuritysignature,allowinsecureguestauth,enableplaintextpassword
file-sharing;S;mrxsmb10;start
file-sharing;P;Windows\LanmanWorkstation;*
remote-management;S;WinRM;start
remote-management;M;Windows\CurrentVersion\WSMAN\Service;*
remote-management;M;Windows\CurrentVersion\WSMAN\Client;trusted_hosts,allow_unencrypted
remote-management;P;Windows\WinRM\Service;*
remote-management;P;Windows\WinRM\Client;*
remote-management;M;Ole;enabledcom,legacyauthenticationlevel
remote-management;S;RemoteRegistry;start
remote-management;A;OpenSSH;defaultshell,defaultshellcommandoption
remote-management;S;sshd;start,imagepath
remote-management;C;SecurePipeServers\winreg\AllowedPaths;machine
scripts;MU;Windows Script Host\Settings;enabled,remote,trustpolicy
office;U;Office\*\*\Security;vbawarnings,accessvbom,blockcontentexecutionfrominternet,disableallactivex
office;U;Office\*\*\Security\Trusted Locations\*;path,allowsubfolders
office;U;Office\*\*\Security\Trusted Documents\TrustRecords;*
office;Q;Office\*\*\Security;vbawarnings,accessvbom,blockcontentexecutionfrominternet
restrictions;P;Windows\Safer\CodeIdentifiers;defaultlevel,transparentenabled,policyscope
restrictions;P;Windows\SrpV2\*;enforcementmode
restrictions;U;Windows\CurrentVersion\Policies\Explorer;*
updates;P;Windows\WindowsUpdate;*
updates;P;Windows\WindowsUpdate\AU;*
updates;S;wuauserv;start
updates;M;Windows\CurrentVersion\WindowsUpdate\Auto Update\Results\Install;lastsuccesstime,lasterror
names;S;Tcpip\Parameters;nameserver,dhcpnameserver,domain,dhcpdomain,hostname,searchlist,databasepath,ipenablerouter
names;S;Tcpip\Parameters\Interfaces\*;nameserver,dhcpnameserver,ipaddress,dhcpipaddress,dhcpserver,leaseobtainedtime
names;S;Dnscache\Parameters\DnsPolicyConfig\*;*
names;P;Windows NT\DNSClient;*
certificates;M;SystemCertificates\ROOT\Certificates\*;.
certificates;U;SystemCertificates\ROOT\Certificates\*;.
policy;M;Windows\CurrentVersion\Group Policy\History;dcname,policyoverdue,networkname
policy;M;Windows\CurrentVersion\Group Policy\State\Machine;distinguished-name,site
policy;S;Netlogon\Parameters;dynamicsitename,sitename,disablepasswordchange,requiresignorseal,fullsecurechannelprotection,vulnerablechannelallowlist`

// table reads the rows.
func table() []row {
	var all []row
	for line := range strings.SplitSeq(rows, "\n") {
		f := strings.Split(line, ";")
		if len(f) != 4 {
			continue
		}
		r := row{area: f[0], roots: f[1], values: strings.Split(f[3], ",")}
		if f[2] != "." {
			r.key = strings.Split(f[2], `\`)
		}
		all = append(all, r)
	}
	return all
}
