#!/bin/sh
# Makes the first dynamic-security state of a broker: one account, the
# controller's, which may administer the plug-in, publish to terminals and read
# what they report. Terminals are added later by the controller.
#
#   init.sh STATE USERNAME PASSWORD_FILE
#
# A state that is already there stays as it is. The role must be whole before the
# broker starts: changing the roles of a connected account throws it out.
set -eu

state=$1 username=$2 password_file=$3
if [ -s "$state" ]; then
	echo "init.sh: $state exists, left as it is"
	exit 0
fi
password=$(cat "$password_file")
if [ -z "$password" ]; then
	echo "init.sh: $password_file is empty" >&2
	exit 1
fi
umask 077
rm -f "$state.new"
mosquitto_ctrl dynsec init "$state.new" "$username" "$password" >/dev/null
# What mosquitto_ctrl writes may read everything and publish only to $CONTROL. It
# has one role in Mosquitto 2.0; with more, the line below would give too much.
if [ "$(grep -c '"acls"' "$state.new")" != 1 ]; then
	echo "init.sh: mosquitto_ctrl wrote a state that this script does not know: it wants Mosquitto 2.0" >&2
	exit 1
fi
sed 's|"acls":[[:space:]]*\[{|"acls": [{ "acltype": "publishClientSend", "topic": "galla/v1/+/command", "allow": true }, {|' \
	"$state.new" >"$state.role"
rm "$state.new"
grep -q 'galla/v1/+/command' "$state.role" || {
	echo "init.sh: could not give $username its topics" >&2
	exit 1
}
mv "$state.role" "$state"
