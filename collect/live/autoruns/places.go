package autoruns

import (
	"strings"
)

// A place is a row of the table below: a kind of start, where in the registry it stands, and what its data means.
type place struct {
	kind   string
	roots  string   // letters, see root
	key    []string // components; "*" is any key, "%2A" the key called *
	values []string // names in lower case; "" the default value; "*" all; a "*" at the end stands for any rest
	how    byte     // see the table
	ships  []string // data as Windows ships it, in lower case
}

// root is where a place's key lies, by letter: what it begins with below HKEY_LOCAL_MACHINE, or below each user's hive.
func root(letter byte) (prefix string, user, known bool) {
	switch letter {
	case 'M':
		return `SOFTWARE`, false, true
	case 'W':
		return `SOFTWARE\Wow6432Node`, false, true
	case 'S':
		return `SYSTEM\CurrentControlSet`, false, true
	case 'U':
		return `Software`, true, true
	case 'V':
		return `Software\Wow6432Node`, true, true
	case 'H':
		return ``, true, true
	}
	return "", false, false
}

// places are all that is looked for in the registry, a line each: kind; roots; key; values; how the data is read; what
// it is on an untouched Windows. How is one of
//
//	c  command line             d  libraries            p  path of a file      t  text
//	k  class id                 n  value is named by a class id                y  key is named by a class id
//	g  key is named by a program id                     h  class of a user, in a key below the class id's
//	v  value is named by a library                      s  names of services   l  entry of a Winsock catalogue
//
// The choice follows Microsoft's Autoruns, ATT&CK's TA0003 and TA0004, and "Beyond good ol' Run key" (hexacorn.com).
const places = `run;MWUV;Microsoft\Windows\CurrentVersion\Run;*;c
run-once;MWUV;Microsoft\Windows\CurrentVersion\RunOnce;*;c
run-once;MU;Microsoft\Windows\CurrentVersion\RunOnce\Setup;*;c
run-once-ex;MWU;Microsoft\Windows\CurrentVersion\RunOnceEx;*;c
run-once-ex;MWU;Microsoft\Windows\CurrentVersion\RunOnceEx\*;*;c
run-services;MU;Microsoft\Windows\CurrentVersion\RunServices;*;c
run-services;MU;Microsoft\Windows\CurrentVersion\RunServicesOnce;*;c
run-policy;MWUV;Microsoft\Windows\CurrentVersion\Policies\Explorer\Run;*;c
run-terminal-server;MWU;Microsoft\Windows NT\CurrentVersion\Terminal Server\Install\Software\Microsoft\Windows\CurrentVersion\Run;*;c
run-terminal-server;MWU;Microsoft\Windows NT\CurrentVersion\Terminal Server\Install\Software\Microsoft\Windows\CurrentVersion\RunOnce;*;c
windows-load;MU;Microsoft\Windows NT\CurrentVersion\Windows;load,run;c
windows-load;M;Microsoft\Windows NT\CurrentVersion\Windows;iconservicelib;d;iconcodecservice.dll
winlogon;MWU;Microsoft\Windows NT\CurrentVersion\Winlogon;shell;c;explorer.exe
winlogon;MWU;Microsoft\Windows NT\CurrentVersion\Winlogon;userinit;c;c:\windows\system32\userinit.exe,|%systemroot%\system32\userinit.exe|userinit.exe|userinit|c:\windows\system32\userinit.exe
winlogon;MWU;Microsoft\Windows NT\CurrentVersion\Winlogon;vmapplet;c;systempropertiesperformance.exe /pagefile|systempropertiesperformance /pagefile
winlogon;MWU;Microsoft\Windows NT\CurrentVersion\Winlogon;taskman,system,appsetup,gindll,ginadll,uihost,savedumpstart,servicecontrollerstart,lsastart,mpnotify;c;sysdm.cpl
winlogon-notify;MW;Microsoft\Windows NT\CurrentVersion\Winlogon\Notify\*;dllname;d
winlogon-policy-extension;MW;Microsoft\Windows NT\CurrentVersion\Winlogon\GPExtensions\*;dllname;d
winlogon-alternate-shell;M;Microsoft\Windows NT\CurrentVersion\Winlogon\AlternateShells\AvailableShells;*;c
shell-policy;MU;Microsoft\Windows\CurrentVersion\Policies\System;shell;c
safe-boot-shell;S;Control\SafeBoot;alternateshell;c;cmd.exe
logon-script;H;Environment;userinitmprlogonscript;c
policy-script;MU;Microsoft\Windows\CurrentVersion\Group Policy\Scripts\*\*\*;script;c
policy-script;MU;Policies\Microsoft\Windows\System\Scripts\*\*\*;script;c
screen-saver;H;Control Panel\Desktop;scrnsave.exe;p;c:\windows\system32\scrnsave.scr|c:\windows\system32\logon.scr
active-setup;MW;Microsoft\Active Setup\Installed Components\*;stubpath;c
appinit;MW;Microsoft\Windows NT\CurrentVersion\Windows;appinit_dlls;d
appcert;S;Control\Session Manager\AppCertDlls;*;d
ifeo-debugger;MW;Microsoft\Windows NT\CurrentVersion\Image File Execution Options\*;debugger;c
ifeo-debugger;MW;Microsoft\Windows NT\CurrentVersion\Image File Execution Options\*\*;debugger;c
ifeo-verifier;MW;Microsoft\Windows NT\CurrentVersion\Image File Execution Options\*;verifierdlls;d
silent-exit;MW;Microsoft\Windows NT\CurrentVersion\SilentProcessExit\*;monitorprocess;c
crash-debugger;MW;Microsoft\Windows NT\CurrentVersion\AeDebug;debugger;c
crash-debugger;MW;Microsoft\.NETFramework;dbgmanageddebugger;c
crash-debugger;M;Microsoft\Windows\Windows Error Reporting\Hangs;debugger,reflectdebugger;c
crash-helper;MW;Microsoft\Windows\Windows Error Reporting\RuntimeExceptionHelperModules;*;v
lsa;S;Control\Lsa;authentication packages;d;msv1_0
lsa;S;Control\Lsa;security packages;d;""|kerberos|msv1_0|schannel|wdigest|tspkg|pku2u|cloudap|negoexts|livessp
lsa;S;Control\Lsa;notification packages;d;scecli|rassfm
lsa;S;Control\Lsa\OSConfig;security packages;d;""|kerberos|msv1_0|schannel|wdigest|tspkg|pku2u|cloudap|negoexts|livessp
lsa-extension;S;Control\LsaExtensionConfig\LsaSrv;extensions;d;lsadb.dll|
lsa-extension;S;Control\LsaExtensionConfig\Interfaces\*;extension;d
lsa-extension;S;Services\NTDS;lsadbextpt,directoryserviceextpt;d
security-provider;S;Control\SecurityProviders;securityproviders;d;credssp.dll
security-provider;S;Control\SecurityProviders\*;dllname;d
credential-provider;MW;Microsoft\Windows\CurrentVersion\Authentication\Credential Providers\*;;y
credential-provider;MW;Microsoft\Windows\CurrentVersion\Authentication\Credential Provider Filters\*;;y
credential-provider;MW;Microsoft\Windows\CurrentVersion\Authentication\PLAP Providers\*;;y
network-provider;S;Services\*\NetworkProvider;providerpath;d
network-provider;S;Control\NetworkProvider\Order;providerorder;t
time-provider;S;Services\W32Time\TimeProviders\*;dllname;d;%systemroot%\system32\w32time.dll|c:\windows\system32\w32time.dll|%systemroot%\system32\vmictimeprovider.dll
print-monitor;S;Control\Print\Monitors\*;driver;d;localspl.dll|tcpmon.dll|usbmon.dll|wsdmon.dll|apmon.dll|appmon.dll|ippmon.dll|fxsmon.dll
print-provider;S;Control\Print\Providers\*;name;d;win32spl.dll|inetpp.dll|localspl.dll
print-processor;S;Control\Print\Environments\*\Print Processors\*;driver;d;winprint.dll|localspl.dll
boot-execute;S;Control\Session Manager;bootexecute,bootexecutenopnprequest;c;autocheck autochk *|autocheck autochk /q /v *
boot-execute;S;Control\Session Manager;setupexecute,execute,platformexecute,s0initialcommand;c
boot-execute;S;Control;servicecontrolmanagerextension;d;%systemroot%\system32\scext.dll
pending-rename;S;Control\Session Manager;pendingfilerenameoperations,pendingfilerenameoperations2;t
subsystem;S;Control\Session Manager\SubSystems;windows,posix,optional;c
known-dll;S;Control\Session Manager\KnownDLLs;*;d
terminal-server;S;Control\Terminal Server\WinStations\*;initialprogram;c
terminal-server;M;Policies\Microsoft\Windows NT\Terminal Services;initialprogram;c
terminal-server;S;Control\Terminal Server\Wds\rdpwd;startupprograms;c;rdpclip
winsock;S;Services\WinSock2\Parameters\Protocol_Catalog9\Catalog_Entries\*;packedcatalogitem;l;%systemroot%\system32\mswsock.dll
winsock;S;Services\WinSock2\Parameters\Protocol_Catalog9\Catalog_Entries64\*;packedcatalogitem;l;%systemroot%\system32\mswsock.dll
winsock;S;Services\WinSock2\Parameters\NameSpace_Catalog5\Catalog_Entries\*;librarypath;d
winsock;S;Services\WinSock2\Parameters\NameSpace_Catalog5\Catalog_Entries64\*;librarypath;d
winsock;S;Services\WinSock2\Parameters;autodialdll;d;rasadhlp.dll|%systemroot%\system32\rasadhlp.dll|c:\windows\system32\rasadhlp.dll
remote-access;S;Services\RasMan\PPP\EAP\*;path,configuipath,identitypath,interactiveuipath;d
netsh;MW;Microsoft\NetSh;*;d
command-processor;MWU;Microsoft\Command Processor;autorun;c
file-handler;MU;Classes\exefile\shell\open\command;,isolatedcommand;t;"%1" %*
file-handler;MU;Classes\comfile\shell\open\command;;t;"%1" %*
file-handler;MU;Classes\batfile\shell\open\command;;t;"%1" %*
file-handler;MU;Classes\cmdfile\shell\open\command;;t;"%1" %*
file-handler;MU;Classes\piffile\shell\open\command;;t;"%1" %*
file-handler;MU;Classes\scrfile\shell\open\command;;t;"%1" /s
file-handler;MU;Classes\htafile\shell\open\command;;c
file-handler;MU;Classes\.exe;;t;exefile
file-handler;U;Classes\mscfile\shell\open\command;;c
file-handler;U;Classes\ms-settings\shell\open\command;,delegateexecute;c
file-handler;U;Classes\Folder\shell\open\command;,delegateexecute;c
file-handler;U;Classes\exefile\shell\runas\command;,isolatedcommand;c
protocol-filter;MU;Classes\PROTOCOLS\Filter\*;clsid;k
com-user;U;Classes\CLSID\*\InprocServer32;;h
com-user;U;Classes\CLSID\*\LocalServer32;;h
com-user;U;Classes\CLSID\*\TreatAs;;t
com-user;U;Classes\CLSID\*\ScriptletURL;;t
com-user;V;Classes\CLSID\*\InprocServer32;;h
browser-helper;MWUV;Microsoft\Windows\CurrentVersion\Explorer\Browser Helper Objects\*;;y
browser-toolbar;MWU;Microsoft\Internet Explorer\Toolbar;*;n
browser-toolbar;U;Microsoft\Internet Explorer\URLSearchHooks;*;n;{cfbfae00-17a6-11d0-99cb-00c04fd64497}
browser-extension;MWU;Microsoft\Internet Explorer\Extensions\*;exec;c
browser-extension;MWU;Microsoft\Internet Explorer\Extensions\*;clsidextension;k
shell-object;MWU;Microsoft\Windows\CurrentVersion\ShellServiceObjectDelayLoad;*;k
shell-object;MW;Microsoft\Windows\CurrentVersion\Explorer\ShellServiceObjects\*;;y
shell-object;MW;Microsoft\Windows\CurrentVersion\Explorer\SharedTaskScheduler;*;n
shell-object;MWU;Microsoft\Windows\CurrentVersion\Explorer\ShellExecuteHooks;*;n
shell-object;MW;Microsoft\Windows\CurrentVersion\Explorer\ShellIconOverlayIdentifiers\*;;k
shell-menu;MU;Classes\%2A\ShellEx\ContextMenuHandlers\*;;k
shell-menu;MU;Classes\AllFilesystemObjects\ShellEx\ContextMenuHandlers\*;;k
shell-menu;MU;Classes\Directory\ShellEx\ContextMenuHandlers\*;;k
shell-menu;MU;Classes\Directory\Background\ShellEx\ContextMenuHandlers\*;;k
shell-menu;MU;Classes\Folder\ShellEx\ContextMenuHandlers\*;;k
shell-menu;MU;Classes\Drive\ShellEx\ContextMenuHandlers\*;;k
explorer-tool;M;Microsoft\Windows\CurrentVersion\Explorer\MyComputer\*;;c
office-addin;MWUV;Microsoft\Office\*\Addins\*;;g
office-addin;MWUV;Microsoft\Office\*\*\Addins\*;;g
office-addin;U;Microsoft\Office\*\Excel\Options;open*;c
office-addin;MWU;Microsoft\Office test\Special\Perf;;d
office-addin;MW;Microsoft\VBA\Monitors\*;clsid;k
office-startup;U;Microsoft\Office\*\Word\Options;startup-path;t
office-startup;U;Microsoft\Office\*\Excel\Options;altstartup;t
office-startup;U;Microsoft\Office\*\Outlook\WebView\*;url;t
codec;MW;Microsoft\Windows NT\CurrentVersion\Drivers32;*;d
font-driver;M;Microsoft\Windows NT\CurrentVersion\Font Drivers;*;d;atmfd.dll
accessibility;M;Microsoft\Windows NT\CurrentVersion\Accessibility\ATs\*;startexe;c
amsi-provider;M;Microsoft\AMSI\Providers\*;;y
compatibility;M;Microsoft\Windows NT\CurrentVersion\AppCompatFlags\TelemetryController\*;command;c
compatibility;M;Microsoft\Windows NT\CurrentVersion\AppCompatFlags\InstalledSDB\*;databasepath;p
emulation;M;Microsoft\Wow64\x86;,*;d;wow64cpu.dll
profiler;H;Environment;cor_profiler_path,cor_profiler_path_32,cor_profiler_path_64,coreclr_profiler_path,dotnet_startup_hooks;d
profiler;H;Environment;cor_profiler,cor_enable_profiling,coreclr_profiler,_java_options,java_tool_options;t
profiler;S;Control\Session Manager\Environment;cor_profiler_path,cor_profiler_path_32,cor_profiler_path_64,coreclr_profiler_path,dotnet_startup_hooks;d
profiler;S;Control\Session Manager\Environment;cor_profiler,cor_enable_profiling,coreclr_profiler,_java_options,java_tool_options;t
server-plugin;S;Services\DNS\Parameters;serverlevelplugindll;d
server-plugin;S;Services\DHCPServer\Parameters;calloutdlls;d
indexer;S;Control\ContentIndex\Language\*;dlloverridepath,stemmerdlloverridepath,wbdlloverridepath;d
class-filter;S;Control\Class\*;upperfilters,lowerfilters;s`

// table reads the rows.
func table() []place {
	var all []place
	for line := range strings.SplitSeq(places, "\n") {
		f := append(strings.Split(line, ";"), "")
		if len(f) < 6 {
			continue
		}
		p := place{kind: f[0], roots: f[1], key: strings.Split(f[2], `\`), values: strings.Split(f[3], ","), how: f[4][0]}
		if f[5] != "" {
			p.ships = strings.Split(f[5], "|")
		}
		all = append(all, p)
	}
	return all
}

// ship tells whether data is what Windows ships with.
func (p *place) ship(data string) bool {
	data = strings.ToLower(strings.TrimSpace(data))
	for _, s := range p.ships {
		if data == s || data == s+".dll" {
			return true
		}
	}
	return false
}

// names tells whether the place means a value.
func (p *place) names(value string) bool {
	value = strings.ToLower(value)
	for _, v := range p.values {
		if v == "*" && value != "" || v == value {
			return true
		}
		if stem, ok := strings.CutSuffix(v, "*"); ok && stem != "" && strings.HasPrefix(value, stem) {
			return true
		}
	}
	return false
}
