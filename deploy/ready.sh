#!/usr/bin/env bash
# Exits with 0 if the server says that the model's state is AVAILABLE. An answer with
# status 200 is not enough: it also describes a model that is loading or has failed.
# The server's image has bash but no curl, so bash opens the connection itself.
#
#   ready.sh [MODEL [PORT [HOST]]]
set -eu
model=${1:-digits} port=${2:-8501} host=${3:-127.0.0.1}
exec 3<>"/dev/tcp/$host/$port"
printf 'GET /v1/models/%s HTTP/1.0\r\nHost: %s\r\n\r\n' "$model" "$host" >&3
answer=
while IFS= read -r -t 5 line <&3 || [ -n "$line" ]; do
    answer+=$line
    line=
done
[[ $answer =~ \"state\":\ *\"AVAILABLE\" ]]
