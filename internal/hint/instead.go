package hint

const (
	askOffice    = "look at the enrollment in the portal: whose key has it?"
	noPassword   = "is it the right file, and the right hierarchy's password? Do not guess: some chips count"
	newPrimary   = "make a new one, if nothing else needs the key there: "
	secondUpdate = "it was changed again meanwhile: run the same command again, and find out which other program or person writes it"
	otherCreds   = "try another kind of credential, such as device-code"
	askAdmin     = "ask your Entra ID administrator"
	wrongFile    = "correct the line that is named"
	sameResult   = "run it again; if it persists, keep the output of -v"
	showsLayer   = "the step that failed names the layer"
	isHere       = "the lines above name what is there"
)

// instead has other words for the sentences of hints, for those who were there
// already: the first that fits counts.
var instead = map[string][]string{
	// Of the enrollment.
	"enroll the machine first: tpmdps enroll":                                                                                                                 {"there is no enrollment to write to"},
	"if this machine replaces the other one: tpmdps enroll --replace-ek --reason TEXT":                                                                        {"the enrollment got another key meanwhile: " + askOffice},
	"to change the enrollment: tpmdps enroll --update":                                                                                                        {secondUpdate},
	"enable it: tpmdps enroll --provisioning-status enabled --update":                                                                                         {"enable it with --update", "it was disabled again meanwhile: find out which other program or person writes it"},
	"link a hub to the DPS, or name a linked one: tpmdps enroll --iot-hubs HOST --update":                                                                     {"link the hub that is named to the DPS, or name a linked one"},
	"choose another device ID: tpmdps enroll --device-id ID --update":                                                                                         {"choose another device ID"},
	"the enrollment was made with another chip's key: compare with tpmdps read-ek, then tpmdps enroll --replace-ek --reason TEXT":                             {"the enrollment has another chip's key: " + askOffice},
	"the enrollment was made with another chip's key, or another tool's: tpmdps enroll --replace-ek --reason TEXT":                                            {"the enrollment has another chip's key, or another tool's: " + askOffice},
	"then tpmdps enroll --replace-ek --reason TEXT":                                                                                                           {askOffice},
	"see what the index allows: tpm2_nvreadpublic. An EK certificate that cannot be read does not prevent DPS attestation: tpmdps enroll needs the key alone": {"see what the index allows: tpm2_nvreadpublic. An EK certificate that cannot be read does not prevent DPS attestation"},
	"tpmdps enroll --dry-run shows the differences":                                                                                                           {"--dry-run shows the differences"},
	"the hint names the flag that would overrule it: --update, --replace-ek, --even-if-provisioned":                                                           {"the message names what stands against it"},

	// Of the chip.
	"if that is the one to remove: name it with --registration-id, or add --id-format hex, or base32": {"if that is the one to remove: give its ID"},
	"if the enrollment is the one to remove, whatever its key: name it alone with --registration-id":  {"if the enrollment is the one to remove, whatever its key: give its ID alone"},
	"for example --tpm /dev/tpmrm0": {"an address is /dev/tpmrm0, swtpm:path=SOCKET, swtpm:host=localhost,port=2321, or such"},
	"is the TPM switched on in the firmware setup (Security, TPM or PTT or fTPM)? Another one is named with --tpm":                                       {"is the TPM switched on in the firmware setup (Security, TPM or PTT or fTPM)? Compare the address with ls /dev/tpm*"},
	"is swtpm, or another TPM, running there? Compare the address with --tpm, TPMDPS_TPM and TPM2TOOLS_TCTI (without them it is this machine's own TPM)": {"is swtpm, or another TPM, running there? Compare the address, and look into the environment for TPMDPS_TPM and TPM2TOOLS_TCTI"},
	"switch it on (Security, TPM or PTT or fTPM), or name it: tpmdps read-ek --tpm ADDR":                                                                 {"switch it on (Security, TPM or PTT or fTPM), or name another address"},
	"give it with --owner-auth-file FILE, if the hierarchy has one":                                                                                      {noPassword},
	"give the hierarchy's password: --endorsement-auth-file FILE":                                                                                        {noPassword},
	"give the hierarchy's password: --owner-auth-file FILE":                                                                                              {noPassword},
	"give the hierarchy's password: --endorsement-auth-file FILE, --owner-auth-file FILE":                                                                {noPassword},
	"--plain-bus works without encryption":                                                                                                               {"it was tried without encryption already"},
	"DPS attestation needs an RSA key: tpmdps read-ek":                                                                                                   {"DPS attestation needs an RSA key"},
	"list the key each tool would derive: tpmdps read-ek --compare":                                                                                      {"compare it with the enrollment's"},
	"read it from the chip: tpmdps read-ek":                                                                                                              {"the key that was read is not one that DPS can use: restart the machine, and update the chip's firmware"},
	"compare tpmdps read-ek with config.toml":                                                                                                            {"compare it with config.toml"},
	"tpmdps read-ek shows key and both IDs":                                                                                                              {"the output shows key and both IDs"},
	"make a new one, if nothing else needs the key there: tpm2_evictcontrol -c 0x81000001, then tpmdps read-ek --persist":                                {newPrimary + "tpm2_evictcontrol -c 0x81000001, then the same command again"},
	"make a new one, if nothing else needs the key there: tpm2_evictcontrol -c 0x81010001, then tpmdps read-ek --persist":                                {newPrimary + "tpm2_evictcontrol -c 0x81010001, then the same command again"},
	"see what is at 0x81010001 and 0x81000001: tpmdps read-ek --compare, tpm2_readpublic -c 0x81000001":                                                  {"see what is at 0x81000001: tpm2_readpublic -c 0x81000001"},
	"see which keys the chip holds: tpmdps read-ek --compare, tpm2_getcap handles-persistent":                                                            {"see which keys the chip holds: tpm2_getcap handles-persistent"},
	"find the command that failed with it, in the log or with the option -v of tpmdps verify":                                                            {"find the command that failed with it: -v shows each one"},
	"tpmdps verify --offline tries all that DPS needs of this chip":                                                                                      {isHere},
	"tpmdps verify --offline tries all that DPS needs of this chip and names what is missing":                                                            {"this machine needs another TPM, or other TPM firmware"},
	"tpmdps verify --offline shows what is missing":                                                                                                      {"this machine needs another TPM, or other TPM firmware"},
	"run as root, or give the user access: sudo usermod -aG tss $USER, and log in again":                                                                 {"root may use a TPM: a container, a sandbox or a security module keeps this one away"},
	"run as root, or join the group: sudo usermod -aG tss $USER, and log in again":                                                                       {"root may use a TPM: a container, a sandbox or a security module keeps this one away"},
	"run it again with sudo":                                  {"a container or a security module keeps root from it"},
	"run it again with sudo, or as the user whose file it is": {"a container, a read-only mount or a network share keeps root from it: run it as the user whose file it is"},

	"find it with: sudo fuser -v /dev/tpm0, end it, then look at what it left: tpmdps chip flush":                                                                                                {"find it with: sudo fuser -v /dev/tpm0, and end it"},
	"on /dev/tpm0 remove the keys that other programs left behind: tpmdps chip flush, or tpm2_flushcontext -t. A restart of the machine removes them too":                                        {"on /dev/tpm0 remove the keys that other programs left behind: tpm2_flushcontext -t. A restart of the machine removes them too"},
	"on /dev/tpm0 remove the keys that other programs left behind: tpmdps chip flush, or tpm2_flushcontext -t. A restart of the machine removes them too. Sessions: tpm2_flushcontext -l":        {"on /dev/tpm0 remove the keys that other programs left behind: tpm2_flushcontext -t. A restart of the machine removes them too. Sessions: tpm2_flushcontext -l"},
	"on /dev/tpm0 remove the sessions that other programs left behind: tpmdps chip flush, or tpm2_flushcontext -l for loaded ones, -s for saved ones. A restart of the machine removes them too": {"on /dev/tpm0 remove the sessions that other programs left behind: tpm2_flushcontext -l for loaded ones, -s for saved ones. A restart of the machine removes them too"},

	// Of the way to a service.
	"if a proxy inspects TLS here, give its CA with --ca-file and to IoT Edge":                                      {"if a proxy inspects TLS here: its CA has to be in the file that was given, and IoT Edge needs it too"},
	"if a proxy inspects TLS here, give its CA with --ca-file":                                                      {"if a proxy inspects TLS here: its CA has to be in the file that was given"},
	"give the proxy's CA with --ca-file":                                                                            {"if a proxy inspects TLS here: its CA has to be in the file that was given"},
	"the step that failed shows which: tpmdps verify":                                                               {showsLayer},
	"tpmdps verify does the whole exchange and shows both clocks":                                                   {"the step clock compares both clocks"},
	"register again: tpmdps verify, or sudo iotedge system reprovision":                                             {"register again: sudo iotedge system reprovision", "register again: iotedge system reprovision"},
	"register again: tpmdps verify":                                                                                 {"register again: run the same command again"},
	"otherwise have it register: tpmdps verify":                                                                     {"otherwise run the same command again"},
	"see whether it can connect: tpmdps verify":                                                                     {showsLayer},
	"see whether tpmdps verify connects":                                                                            {sameResult},
	"use a client that solves it: tpmdps verify":                                                                    {sameResult},
	"tpmdps verify shows status and body of what came, and names a disabled enrollment":                             {"status and body of what came are in the message"},
	"tpmdps verify --config /etc/aziot/config.toml tries the same with the same settings":                           {showsLayer},
	"tpmdps verify --config /etc/aziot/config.toml goes up to the hub":                                              {showsLayer},
	"run tpmdps verify inside of the virtual machine, with its scope and registration ID: it names the layer":       {"run it inside of the virtual machine: it names the layer"},
	"--until challenge registers nothing":                                                                           {"stop the daemon first: sudo systemctl stop aziot-identityd", "stop the daemon first: systemctl stop aziot-identityd"},
	"if a registration is what you want: --even-if-provisioned, then restart IoT Edge: sudo iotedge system restart": {"restart IoT Edge afterwards: sudo iotedge system restart", "restart IoT Edge afterwards: iotedge system restart"},

	// Of files and flags.
	"if something was recorded in it, its lines are gone: compare it with a copy, or with a noted head (--head)": {"if something was recorded in it, its lines are gone: compare it with a copy"},
	"was the record or the ID copied from another machine? Use the key's own ID (omit --registration-id)":        {"was the record or the ID copied from another machine? Use the key's own ID"},
	"choose another address with --listen and --mqtt":                                                            {"name another address, or end what listens there"},
	"choose another file with --config, print it with --config -, or move the old one away":                      {"choose another file, or move the old one away"},
	"choose another file with --out, print it with --out -, or move the old one away":                            {"choose another file, or move the old one away"},
	"correct the line that is named, or make the record again: tpmdps read-ek -o jsonl":                          {wrongFile},
	"tpmdps config --check --config FILE shows what to fix":                                                      {wrongFile},
	"tpmdps config --check shows where and why":                                                                  {wrongFile},
	"leave --registration-id out to use the ID that is derived from the chip":                                    {"leave the ID out to use the one that is derived from the chip"},
	"--id-format base32 uses the chip's ID":                                                                      {"the chip's own ID is the one in base32"},
	"--registration-id ID keeps the one of the file":                                                             {"the file has another one"},
	"to switch to TPM provisioning add --replace-provisioning, which comments out the old settings":              {"comment out the settings of the other way by hand"},
	"if it must stay there: --secret-on-removable-media":                                                         {"look at how it is mounted"},
	"tpmdps audit verify FILE names the first bad line":                                                          {"the first bad line is named"},

	// Of the operator's credential.
	"name it with --dps NAME, or in TPMDPS_DPS": {"look at what was to fill the name in"},
	"set PROVISIONING_CONNECTION_STRING, or give --connection-string-file, --sas-token-file or --auth-type login":                          {"look at the file or variable that was named: there is no credential in it"},
	"az login, or name the kind with --credential: device-code needs no browser here":                                                      {"az login, or " + otherCreds},
	"sign in again: az login, or --credential device-code":                                                                                 {"sign in again: az login"},
	"a rule of the tenant asks for more, such as a second factor: --credential device-code or browser, or ask your Entra ID administrator": {"a rule of the tenant asks for more, such as a second factor: " + askAdmin},
	"name that DPS with --dps, or give the connection string of the one that is named":                                                     {"give the connection string of the DPS that was named"},
	"name that DPS with --dps, or make a token for this one: tpmdps token mint":                                                            {"make a token for the DPS that was named"},

	// Of explain, whose entries are asked for from everywhere.
	"tpmdps verify --config /etc/aziot/config.toml tries the same with the same settings and names the layer":          {showsLayer},
	"tpmdps verify --offline names what is missing":                                                                    {"this machine needs another TPM, or other TPM firmware"},
	"explain the lines \"caused by\" after it, or the whole log (sudo iotedge system logs) on stdin: tpmdps explain -": {"look at the lines \"caused by\" after it"},
	"see what is there: tpmdps read-ek --compare":                                                                      {"see what is there: tpm2_readpublic -c 0x81010001"},
	"a password: --endorsement-auth-file FILE":                                                                         {noPassword},
	"tpmdps config --check --config /etc/aziot/config.toml names the line and what to type":                            {wrongFile},
	"for a machine with a TPM: tpmdps config --replace-provisioning":                                                   {"for a machine with a TPM: --replace-provisioning"},
}
