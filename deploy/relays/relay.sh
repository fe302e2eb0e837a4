#!/bin/sh
# Says what differs from instance to instance, then runs Postfix in the foreground.
#   RELAY_NAME     its name: greeting, EHLO, and what the PTR record of RELAY_ADDRESS must say
#   RELAY_ADDRESS  the address that mail leaves by
#   RELAY_LISTEN   address:port where Todoke hands mail over, reached by nobody else
#   RELAY_CLIENTS  addresses that may relay without a certificate, e.g. 10.0.0.5/32; empty: a certificate is a must
set -eu
: "${RELAY_NAME:?the host name of this relay is missing}"
: "${RELAY_ADDRESS:?the address that mail leaves by is missing}"
: "${RELAY_LISTEN:?address:port to listen on is missing}"
conf=${RELAY_CONFIG:-/etc/postfix}
for file in relay.pem ca.pem; do
  [ -r "$conf/tls/$file" ] || { echo "$conf/tls/$file is missing" >&2; exit 1; }
done
postconf -c "$conf" -e \
  "myhostname = $RELAY_NAME" \
  "smtp_bind_address = $RELAY_ADDRESS" \
  "mynetworks = ${RELAY_CLIENTS:-}"
postconf -c "$conf" -Me "$RELAY_LISTEN/inet = $RELAY_LISTEN inet n - n - - smtpd"
exec postfix -c "$conf" start-fg
