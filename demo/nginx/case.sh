# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: BSD-2-Clause
# nginx asks PAM for the password of each request: libpam opens pam_unix.so and its libraries each time.
case_order=26
case_title='nginx with auth_pam under ab -c 4, and wrong passwords'
case_note='SYMFAST_RETAIN=pam_*.so; the client runs beside it and takes CPU time of its own.'
case_full=yes
case_env=('SYMFAST_RETAIN=pam_*.so')

case_prepare()
{
	# shellcheck source=../lib/accounts.sh
	. "$DEMO_DIR/lib/accounts.sh"
	make_accounts "$md5_hash" 'auth required pam_unix.so nodelay' 'account required pam_unix.so' || return
	mkdir -p "$CASE_WORK/html" "$CASE_WORK/logs"
	echo "a page" >"$CASE_WORK/html/index.html"
}

# Any port that nobody answers at.
nginx_configure()
{
	local port

	for port in $(shuf -i 20000-32000 -n 20); do
		(: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	nginx_port=$port
	cat >"$CASE_WORK/nginx.conf" <<-END
		load_module /usr/lib/nginx/modules/ngx_http_auth_pam_module.so;
		daemon off; worker_processes 1; user root; pid $CASE_WORK/nginx.pid; error_log $CASE_WORK/logs/error;
		events { worker_connections 64; }
		http {
			access_log off; client_body_temp_path $CASE_WORK/logs/1; proxy_temp_path $CASE_WORK/logs/2;
			fastcgi_temp_path $CASE_WORK/logs/3; uwsgi_temp_path $CASE_WORK/logs/4; scgi_temp_path $CASE_WORK/logs/5;
			server {
				listen 127.0.0.1:$port; root $CASE_WORK/html;
				location / { auth_pam "demo"; auth_pam_service_name "symfast-demo"; }
			}
		}
	END
}

nginx_wait()
{
	local i

	for ((i = 0; i < 300; i++)); do
		(: <>"/dev/tcp/127.0.0.1/$nginx_port") 2>/dev/null && [ -s "$CASE_WORK/nginx.pid" ] && return 0
		sleep 0.05
	done
	return 1
}

# nginx_ask N PASSWORD: prints how many were let in; the rate is left in $nginx_rate.
nginx_ask()
{
	ab -q -c 4 -n "$1" -A "symfast-demo:$2" "http://127.0.0.1:$nginx_port/" >"$CASE_WORK/ab" 2>&1 || return
	nginx_rate=$(awk '/^Requests per second/ { print $4 }' "$CASE_WORK/ab")
	awk -v n="$1" '/^Complete requests/ { all = $3 } /^Non-2xx/ { no = $3 }
		END { printf "%d asked, %d let in\n", all, all - no; exit all != n }' "$CASE_WORK/ab"
}

case_run()
{
	local server worker n before after status

	n=$(amount 2000 600)
	nginx_configure
	rm -f "$CASE_WORK/nginx.pid"
	start "$CASE_WORK/private" "$CASE_WORK" /dev/null /usr/sbin/nginx -p "$CASE_WORK" -c "$CASE_WORK/nginx.conf"
	server=$started
	nginx_wait || return 1
	read -r worker _ <"/proc/$(<"$CASE_WORK/nginx.pid")/task/$(<"$CASE_WORK/nginx.pid")/children"
	nginx_ask 40 secret && nginx_ask 40 wrong || return 1
	read -r before _ <"/proc/$worker/schedstat"
	nginx_ask "$n" secret || return 1
	read -r after _ <"/proc/$worker/schedstat"
	echo "metric $nginx_rate N/s requests" >&3
	echo "metric $(((after - before) / n)) ns CPU time of nginx for a request" >&3
	kill "$(<"$CASE_WORK/nginx.pid")"
	finish "$server"
	status=$?
	[ $status -eq 0 ] || tail -n 3 "$CASE_WORK/logs/error" >&2
	return $status
}
