"""Configurations in the forms that users write, each with the line that takes an upgrade and what becomes of it."""

from __future__ import annotations

from tests.unit.proxies.apache.adoption.published import PUBLISHED
from tests.unit.proxies.apache.adoption.written import EVERY_TURN, Written, lines_of

__all__ = ["ADVISED", "BROKEN", "REFUSED", "SOUND", "Written", "lines_of"]

SOUND: dict[str, Written] = {
    "prefix": Written(
        text="""
<VirtualHost *:80>
    ServerName app.example.org
    →ProxyPass "/ws" "ws://app.internal:8080/ws"
    ProxyPass "/" "http://app.internal:8080/"
</VirtualHost>
""",
        says="app.internal:8080 saw GET /ws; Host: app.internal:8080; Origin: http://app.example.org",
    ),
    "upgrade-parameter": Written(
        text="""
ProxyPreserveHost On
→ProxyPass / http://127.0.0.1:3000/ upgrade=websocket
ProxyPassReverse / http://127.0.0.1:3000/
""",
        says="127.0.0.1:3000 saw GET /; Host: localhost; Origin: http://localhost; Upgrade: websocket",
    ),
    "rewrite": Written(
        text="""
RewriteEngine On
RewriteCond %{HTTP:Upgrade} =websocket [NC]
→RewriteRule ^/?(.*) "ws://127.0.0.1:8000/$1" [P,L]
ProxyPass / http://127.0.0.1:8000/
""",
        says="127.0.0.1:8000 saw GET /;",
    ),
    "rewrite-second-of-one-pattern": Written(
        text="""
RewriteEngine On
RewriteCond %{REQUEST_URI} ^/api/socket [NC]
RewriteCond %{QUERY_STRING} transport=polling [NC]
RewriteRule /(.*) http://127.0.0.1:3001/$1 [P,L]
RewriteCond %{REQUEST_URI} ^/api/socket [NC]
RewriteCond %{QUERY_STRING} transport=websocket [NC]
→RewriteRule /(.*) ws://127.0.0.1:3001/$1 [P,L]
ProxyPass /api/socket http://127.0.0.1:3001/api/socket
""",
        says="127.0.0.1:3001 saw GET /api/socket?transport=",
    ),
    "location": Written(
        text="""
<Location "/chat">
    →ProxyPass ws://chat.internal:9000/chat
    ProxyPassReverse ws://chat.internal:9000/chat
</Location>
ProxyPass /chat http://127.0.0.1:1/
""",
        says="chat.internal:9000 saw GET /chat;",
        advice=("WSLB-C051 confirmed",),
    ),
    "locationmatch": Written(
        text="""
<LocationMatch "^/(ws|live)/(.*)$">
    →ProxyPassMatch "ws://10.0.0.7:8443/$1/$2"
</LocationMatch>
""",
        says="10.0.0.7:8443 saw GET /ws/;",
    ),
    "proxypassmatch": Written(
        text=r"""
→ProxyPassMatch ^/feed/(\d+)$ ws://feed.internal:7000/feed/$1
""",
        says="feed.internal:7000 saw GET /feed/1;",
    ),
    "balancer": Written(
        text="""
<Proxy "balancer://pool">
    BalancerMember "ws://10.1.0.1:8080" route=a loadfactor=3
    BalancerMember "ws://10.1.0.2:8080" route=b
    BalancerMember "ws://10.1.0.3:8080" route=c status=+H
    ProxySet lbmethod=byrequests stickysession=ROUTEID
</Proxy>
→ProxyPass "/ws" "balancer://pool/ws"
""",
        turns=("turns", "held"),
        says="10.1.0.1:8080 saw GET /ws;",
    ),
    "balancer-with-upgrade": Written(
        text="""
<Proxy balancer://nodes>
    BalancerMember http://n1.internal:3000 upgrade=websocket
    BalancerMember http://n2.internal:3000 upgrade=websocket
</Proxy>
→ProxyPass / balancer://nodes/
""",
        turns=EVERY_TURN,
    ),
    "bybusyness": Written(
        text="""
<Proxy balancer://busy>
    BalancerMember ws://b1.internal:81
    BalancerMember ws://b2.internal:81
    BalancerMember ws://b3.internal:81
    ProxySet lbmethod=bybusyness
</Proxy>
→ProxyPass /ws balancer://busy
""",
        turns=("held", "at-once"),
    ),
    "bytraffic": Written(
        text="""
→ProxyPass /ws balancer://bytes lbmethod=bytraffic
<Proxy balancer://bytes>
    BalancerMember ws://b1.internal:81/one
    BalancerMember ws://b2.internal:81/another
</Proxy>
""",
        turns=("turns", "held"),
        advice=("WSLB-C053 confirmed",),
    ),
    "lbset": Written(
        text="""
<Proxy balancer://sets>
    BalancerMember ws://first.internal:8080 lbset=0
    BalancerMember ws://second.internal:8080 lbset=1
</Proxy>
→ProxyPass /ws balancer://sets
""",
        turns=("turns", "held"),
    ),
    "rewrite-to-balancer": Written(
        text="""
<Proxy balancer://sockets>
    BalancerMember ws://s1.internal:8080
    BalancerMember ws://s2.internal:8080
</Proxy>
RewriteEngine On
RewriteCond %{HTTP:Upgrade} websocket [NC]
RewriteCond %{HTTP:Connection} upgrade [NC]
→RewriteRule ^/(.*)$ balancer://sockets/$1 [P,L]
""",
        turns=EVERY_TURN,
    ),
    "tls-on-both-sides": Written(
        text="""
Listen 443
<VirtualHost *:443>
    ServerName secure.example.org
    SSLEngine on
    SSLCertificateFile /etc/letsencrypt/live/secure.example.org/fullchain.pem
    SSLCertificateKeyFile /etc/letsencrypt/live/secure.example.org/privkey.pem
    SSLProxyEngine on
    SSLProxyCACertificateFile /etc/ssl/own-ca.pem
    →ProxyPass /wss wss://app.internal:8443/socket
</VirtualHost>
""",
        says="app.internal:8443 saw GET /socket;",
    ),
    "two-names": Written(
        text="""
<VirtualHost *:80>
    ServerName one.example.org
    →ProxyPass /ws ws://one.internal:80/ws
</VirtualHost>
<VirtualHost *:80>
    ServerName two.example.org
    ProxyPass /ws ws://two.internal:80/ws
</VirtualHost>
""",
        says="one.internal:80 saw",
    ),
    "two-addresses": Written(
        text="""
Listen 8080
<VirtualHost 192.0.2.1:8080>
    →ProxyPass /a ws://one.internal:80/a
</VirtualHost>
<VirtualHost 192.0.2.2:8080>
    ProxyPass /b ws://two.internal:80/b
</VirtualHost>
""",
        says="one.internal:80 saw",
    ),
    "variables": Written(
        text="""
Define BACKEND "app.internal:8080"
Define PREFIX /live
→ProxyPass ${PREFIX} ws://${BACKEND}/live
ErrorLog ${APACHE_LOG_DIR}/error.log
CustomLog "|/usr/bin/rotatelogs /var/log/access.%s 86400" combined
""",
        says="app.internal:8080 saw GET /live;",
    ),
    "macro": Written(
        text="""
<Macro Socket $path $port>
    →ProxyPass $path ws://127.0.0.1:$port$path
</Macro>
Use Socket /m 4711
""",
        says="127.0.0.1:4711 saw GET /m;",
    ),
    "ifdefine": Written(
        text="""
<IfDefine PRODUCTION>
    →ProxyPass /ws ws://prod.internal:80/ws
</IfDefine>
<IfDefine !PRODUCTION>
    ProxyPass /ws ws://test.internal:80/ws
</IfDefine>
""",
        defines=("PRODUCTION",),
        says="prod.internal:80 saw",
    ),
    "conditions-on-httpd": Written(
        text="""
<IfVersion < 2.4>
    ProxyPass /ws ws://old.internal:80/ws
</IfVersion>
<IfModule !mod_proxy_wstunnel.c>
    ProxyPass /ws http://none.internal:80/ws
</IfModule>
<IfModule mod_proxy_wstunnel.c>
    →ProxyPass /ws ws://new.internal:80/ws
</IfModule>
""",
        says="new.internal:80 saw",
    ),
    "placeholder": Written(
        text="""
ServerName {{ host }}
→ProxyPass /ws ws://@@BACKEND@@:8080/ws
""",
        values={"host": "site.example.org", "BACKEND": "real.internal"},
        says="real.internal:8080 saw GET /ws; Host: real.internal:8080; Origin: http://site.example.org",
    ),
    "unix-socket": Written(
        text="""
→ProxyPass /ws "unix:/run/app.sock|ws://localhost/ws"
""",
        says="saw GET /ws;",
    ),
    "client-chooses-the-host": Written(
        text="""
RewriteEngine On
RewriteCond %{HTTP:Upgrade} websocket [NC]
→RewriteRule ^/(.*) ws://%{HTTP_HOST}:3000/$1 [P,L]
""",
        says="chosen-by-the-request saw GET /;",
        advice=("WSLB-C087 not tried",),
    ),
    "handler": Written(
        text="""
ProxyPass /plain http://127.0.0.1:5000/
→ProxyPass /ws ws://127.0.0.1:5000/ws
<LocationMatch "^/plain">
    Require all granted
    RequestHeader set X-Secret "not to be told"
</LocationMatch>
""",
        says="127.0.0.1:5000 saw GET /ws;",
    ),
    "one-module-carries": Written(
        text="""
ServerRoot /etc/httpd
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_wstunnel_module modules/mod_proxy_wstunnel.so
Listen 8080
→ProxyPass /ws ws://127.0.0.1:5000/ws
""",
        says="127.0.0.1:5000 saw GET /ws; Host: 127.0.0.1:5000; Origin: http://localhost:8080; Upgrade: WebSocket",
    ),
    "tls-for-the-main-server": Written(
        text="""
Listen 443
ServerName main.example.org
SSLEngine on
SSLCertificateFile conf/server.crt
SSLCertificateKeyFile conf/server.key
→ProxyPass /ws ws://127.0.0.1:5000/ws timeout=600 connectiontimeout=5 retry=0
""",
        says="Origin: https://main.example.org",
        advice=("WSLB-C033 not tried",),
    ),
    "sticky-with-cookie": Written(
        text="""
Header add Set-Cookie "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED
<Proxy "balancer://plain">
    BalancerMember "http://10.2.0.1:3000" route=1
    BalancerMember "http://10.2.0.2:3000" route=2
    ProxySet stickysession=ROUTEID
</Proxy>
<Proxy "balancer://sockets">
    BalancerMember "ws://10.2.0.1:3000" route=1
    BalancerMember "ws://10.2.0.2:3000" route=2
    ProxySet stickysession=ROUTEID
</Proxy>
RewriteEngine On
RewriteCond %{HTTP:Upgrade} =websocket [NC]
→RewriteRule /(.*) balancer://sockets/$1 [P,L]
RewriteCond %{HTTP:Upgrade} !=websocket [NC]
RewriteRule /(.*) balancer://plain/$1 [P,L]
""",
        turns=EVERY_TURN,
    ),
    "drained-and-disabled": Written(
        text="""
<Proxy balancer://some>
    BalancerMember ws://m1.internal:80 status=+N
    BalancerMember ws://m2.internal:80
    BalancerMember ws://m3.internal:80 status=+D
    BalancerMember ws://m4.internal:80
</Proxy>
→ProxyPass /ws balancer://some
""",
        turns=("turns", "held"),
    ),
    "inherited-from-the-main-server": Written(
        text="""
→ProxyPass /ws ws://127.0.0.1:5000/ws
<VirtualHost *:80>
    ServerName site.example.org
    ProxyPass / http://127.0.0.1:1/
    ProxyPass /own !
</VirtualHost>
""",
        paths=("/ws",),
        says="",
        advice=("WSLB-C050 not tried",),
    ),
    "http2": Written(
        text="""
Protocols h2c http/1.1
H2Direct on
→ProxyPass /ws ws://127.0.0.1:5000/ws
""",
        says="127.0.0.1:5000 saw GET /ws;",
    ),
    "live-updates-of-dashboards": Written(
        text="""
ProxyPreserveHost On
RewriteEngine On
RewriteCond %{REQUEST_URI} ^/api/live [NC]
RewriteCond %{HTTP:Upgrade} websocket [NC]
RewriteCond %{HTTP:Connection} upgrade [NC]
→RewriteRule ^/?(.*) "ws://127.0.0.1:3000/$1" [P,L]
ProxyPass / http://127.0.0.1:3000/
""",
        says="127.0.0.1:3000 saw GET /api/live; Host: localhost",
    ),
    "channels-of-notebooks": Written(
        text="""
→ProxyPassMatch "^/hub/(api/kernels/[^/]+/channels)$" "ws://127.0.0.1:8888/hub/$1"
ProxyPass /hub http://127.0.0.1:8888/hub
""",
        says="127.0.0.1:8888 saw GET /hub/api/kernels/x/channels;",
    ),
    "longer-location-last": Written(
        text="""
<Location />
    ProxyPass http://127.0.0.1:8123/
</Location>
<Location /api/websocket>
    →ProxyPass ws://127.0.0.1:8123/api/websocket
</Location>
""",
        says="127.0.0.1:8123 saw GET /api/websocket;",
    ),
    "member-over-tls-with-upgrade": Written(
        text="""
SSLProxyEngine On
→ProxyPass / https://app.internal:8443/ upgrade=websocket
""",
        says="app.internal:8443 saw GET /;",
    ),
    "inherited-rule": Written(
        text="""
RewriteEngine On
RewriteCond %{HTTP:Upgrade} =websocket [NC]
→RewriteRule ^/ws(.*)$ ws://127.0.0.1:5000/ws$1 [P,L]
<VirtualHost *:80>
    ServerName site.example.org
    RewriteEngine On
    RewriteOptions Inherit
    ProxyPass / http://127.0.0.1:5000/
</VirtualHost>
""",
        paths=("/ws",),
        says="127.0.0.1:5000 saw GET /ws;",
    ),
    "either-condition": Written(
        text="""
RewriteEngine On
RewriteCond %{HTTP:Upgrade} websocket [NC,OR]
RewriteCond %{QUERY_STRING} (^|&)transport=websocket(&|$)
→RewriteRule ^/(.*) ws://127.0.0.1:5000/$1 [P,L]
ProxyPass / http://127.0.0.1:5000/
""",
        paths=("/ws",),
        says="127.0.0.1:5000 saw GET /ws;",
    ),
    "rule-in-an-if": Written(
        text="""
<If "%{HTTP:Upgrade} =~ /websocket/i">
    RewriteEngine On
    →RewriteRule ^ ws://127.0.0.1:5000%{REQUEST_URI} [P]
</If>
ProxyPass / http://127.0.0.1:5000/
""",
        paths=("/ws",),
        says="127.0.0.1:5000 saw GET /ws;",
    ),
    "subscriptions": Written(
        text="""
→ProxyPass /graphql http://127.0.0.1:4000/graphql upgrade=websocket timeout=300
ProxyPass / http://127.0.0.1:4000/
""",
        says="127.0.0.1:4000 saw GET /graphql;",
    ),
    "include-without-a-match": Written(
        text="""
IncludeOptional conf.d/nothing-here-*.conf
→ProxyPass /ws ws://127.0.0.1:5000/ws
""",
        says="127.0.0.1:5000 saw GET /ws;",
    ),
    "rule-of-a-folder": Written(
        text="""
RewriteEngine On
RewriteCond %{HTTP:Upgrade} websocket [NC]
→RewriteRule ^ws(.*) ws://app.internal/there$1 [P]
""",
        name=".htaccess",
        says="app.internal:80 saw GET /there;",
    ),
    "dots-in-an-include": Written(
        text="""
Include nowhere/../backend.conf
→ProxyPass /ws ws://${BACKEND}/ws
""",
        beside={"backend.conf": "Define BACKEND app.internal:8080\n"},
        says="app.internal:8080 saw GET /ws;",
    ),
    "dots-in-what-is-asked-for": Written(
        text="""
→ProxyPass /ws ws://127.0.0.1:5000/ws
ProxyPass /static http://127.0.0.1:5000/static
""",
        paths=("/static/../ws",),
        says="127.0.0.1:5000 saw GET /ws;",
    ),
    "polling-that-sticks": Written(
        text="""
<Proxy balancer://io>
    BalancerMember http://10.0.0.1:3000 route=a upgrade=websocket
    BalancerMember http://10.0.0.2:3000 route=b upgrade=websocket
    ProxySet stickysession=SERVERID
</Proxy>
Header add Set-Cookie "SERVERID=x.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED
→ProxyPass /socket.io/ balancer://io/socket.io/
ProxyPass / balancer://io/
""",
        turns=EVERY_TURN,
        paths=("/socket.io/?EIO=4&transport=websocket",),
        says="10.0.0.1:3000 saw GET /socket.io/?EIO=4&transport=websocket;",
    ),
    "two-balancers-of-one-name-apart": Written(
        text="""
BalancerInherit Off
ProxyPassInherit Off
<Proxy balancer://nodes>
    BalancerMember http://10.0.0.1:80
    BalancerMember http://10.0.0.2:80
</Proxy>
<VirtualHost *:80>
    ServerName site.example.org
    <Proxy balancer://nodes>
        BalancerMember ws://10.0.0.3:81
        BalancerMember ws://10.0.0.4:81
    </Proxy>
    →ProxyPass /ws balancer://nodes/ws
</VirtualHost>
""",
        turns=EVERY_TURN,
        says="saw GET /ws;",
    ),
    **PUBLISHED,
}

ADVISED: dict[str, Written] = {
    "two-balancers-of-one-name": Written(
        text="""
<Proxy balancer://nodes>
    BalancerMember ws://10.0.0.1:80
    BalancerMember ws://10.0.0.2:80
</Proxy>
<VirtualHost *:80>
    ServerName site.example.org
    <Proxy balancer://nodes>
        BalancerMember ws://10.0.0.3:81
        BalancerMember ws://10.0.0.4:81
    </Proxy>
    →ProxyPass /ws balancer://nodes/ws
</VirtualHost>
""",
        turns=EVERY_TURN,
        says="10.0.0.1:80 saw GET /ws;",
        advice=("WSLB-C038 confirmed",),
    ),
    "port-of-tls-without-tls": Written(
        text="""
Listen 443
<VirtualHost *:443>
    ServerName site.example.org
    →ProxyPass /ws ws://127.0.0.1:5000/ws
</VirtualHost>
""",
        says="127.0.0.1:5000 saw GET /ws;",
        advice=("WSLB-C078 confirmed",),
    ),
    "group-that-is-not-there": Written(
        text="""
RewriteEngine On
RewriteCond %{HTTP:Upgrade} websocket [NC]
→RewriteRule ^/ws/ ws://127.0.0.1:5000/live/$1 [P,L]
""",
        says="127.0.0.1:5000 saw GET /live/;",
        advice=("WSLB-C066 confirmed",),
    ),
    "polling-without-stickiness": Written(
        text="""
<Proxy balancer://io>
    BalancerMember http://10.0.0.1:3000 upgrade=websocket
    BalancerMember http://10.0.0.2:3000 upgrade=websocket
</Proxy>
→ProxyPass /socket.io/ balancer://io/socket.io/
""",
        turns=EVERY_TURN,
        says="10.0.0.1:3000 saw GET /socket.io/;",
        advice=("WSLB-C045 not tried",),
    ),
    "slash-before-a-group-that-has-one": Written(
        text="""
RewriteEngine On
RewriteCond %{HTTP:Upgrade} websocket [NC]
→RewriteRule ^(/rooms/.*) ws://127.0.0.1:3000/$1 [P,L]
""",
        says="a slash doubles on the way: the backend is asked for //rooms/",
        advice=("WSLB-C068 confirmed",),
    ),
    "one-member-in-the-clear": Written(
        text="""
SSLProxyEngine On
<Proxy balancer://mixed>
    BalancerMember ws://one.internal:80
    BalancerMember wss://two.internal:443
</Proxy>
→ProxyPass /ws balancer://mixed/ws
""",
        turns=EVERY_TURN,
        says="one.internal:80 saw GET /ws;",
        advice=("WSLB-C077 confirmed",),
    ),
    "slash-of-the-member": Written(
        text="""
<Proxy balancer://nodes>
    BalancerMember ws://10.0.0.1:80/
    BalancerMember ws://10.0.0.2:80/
</Proxy>
→ProxyPass /ws balancer://nodes/ws
""",
        turns=EVERY_TURN,
        says="a slash doubles on the way: the backend is asked for //ws",
        advice=("WSLB-C054 confirmed", "WSLB-C054 confirmed"),
    ),
    "balancer-without-a-path": Written(
        text="""
<Proxy balancer://nodes>
    BalancerMember ws://10.0.0.1:80/chat
    BalancerMember ws://10.0.0.2:80/chat
</Proxy>
→ProxyPass /ws balancer://nodes
""",
        turns=EVERY_TURN,
        says="saw GET /chat/;",
        advice=("WSLB-C053 confirmed",),
    ),
}

BROKEN: dict[str, Written] = {
    "plain-http-only": Written(
        text="""
ProxyPreserveHost On
→ProxyPass / http://127.0.0.1:3000/
ProxyPassReverse / http://127.0.0.1:3000/
""",
        says="takes it as plain HTTP: the Upgrade field does not reach the backend",
        advice=("WSLB-C063 confirmed",),
    ),
    "wider-path-first": Written(
        text="""
→ProxyPass / http://app.internal:8080/
ProxyPass /ws ws://app.internal:8080/ws
""",
        paths=("/ws",),
        says="takes it as plain HTTP",
        advice=("WSLB-C050 confirmed",),
    ),
    "location-before-server": Written(
        text="""
ProxyPass /ws ws://app.internal:8080/ws
<Location />
    →ProxyPass http://app.internal:8080/
</Location>
""",
        paths=("/ws",),
        says="takes it as plain HTTP",
        advice=("WSLB-C051 confirmed",),
    ),
    "balancer-of-http": Written(
        text="""
<Proxy balancer://nodes>
    BalancerMember http://n1.internal:3000
    BalancerMember http://n2.internal:3000
</Proxy>
→ProxyPass / balancer://nodes/
""",
        says="takes it as plain HTTP",
        advice=("WSLB-C063 confirmed",),
    ),
    "excluded": Written(
        text="""
→ProxyPass /app/ws !
ProxyPass /app ws://app.internal:8080/app
""",
        paths=("/app/ws",),
        says="excludes the path",
    ),
    "redirect-by-rule": Written(
        text="""
<VirtualHost *:80>
    ServerName site.example.org
    RewriteEngine On
    →RewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]
    ProxyPass /ws ws://127.0.0.1:3000/ws
</VirtualHost>
""",
        says="a WebSocket client follows no redirect",
    ),
    "redirect-by-alias": Written(
        text="""
<VirtualHost *:80>
    ServerName site.example.org
    →Redirect permanent / https://site.example.org/
    RewriteEngine On
</VirtualHost>
""",
        paths=("/ws",),
        says="httpd itself answers 301",
    ),
    "rule-without-p": Written(
        text="""
RewriteEngine On
RewriteCond %{HTTP:Upgrade} websocket [NC]
→RewriteRule ^/(.*) ws://127.0.0.1:3000/$1 [L]
""",
        says="a WebSocket client follows no redirect",
        advice=("WSLB-C058 confirmed",),
    ),
    "dollar-for-percent": Written(
        text="""
RewriteEngine On
RewriteCond ${HTTP:Upgrade} websocket [NC]
RewriteRule ^/(.*) ws://127.0.0.1:3000/$1 [P,L]
→ProxyPass / http://127.0.0.1:3000/
""",
        paths=("/",),
        says="takes it as plain HTTP",
        advice=("WSLB-C064 confirmed",),
    ),
    "earlier-rule": Written(
        text="""
RewriteEngine On
→RewriteRule ^/(.*) http://127.0.0.1:3000/$1 [P,L]
RewriteCond %{HTTP:Upgrade} websocket [NC]
RewriteRule ^/ws/(.*) ws://127.0.0.1:3000/$1 [P,L]
""",
        paths=("/ws/1",),
        says="takes it as plain HTTP",
        advice=("WSLB-C065 confirmed",),
    ),
    "forbidden-by-rule": Written(
        text="""
RewriteEngine On
→RewriteRule ^/ws - [F]
ProxyPass /ws ws://127.0.0.1:3000/ws
""",
        says="answers 403",
    ),
    "ajp": Written(
        text="""
→ProxyPass / ajp://tomcat.internal:8009/
""",
        says="AJP, which carries no WebSocket",
        advice=("WSLB-C063 not tried",),
    ),
    "tls-member-without-engine": Written(
        text="""
→ProxyPass /ws wss://app.internal:8443/ws
""",
        says="SSLProxyEngine On",
        advice=("WSLB-C070 confirmed",),
    ),
    "denied": Written(
        text="""
ProxyPass /ws ws://127.0.0.1:3000/ws
<Location /ws>
    →Require all denied
</Location>
""",
        says="httpd itself answers 403",
    ),
    "no-line": Written(
        text="""
ProxyPass /other ws://127.0.0.1:3000/other
""",
        paths=("/ws",),
        says="no ProxyPass, ProxyPassMatch or RewriteRule takes this path: httpd itself answers 404",
    ),
    "connection-as-one-browser-sends-it": Written(
        text="""
RewriteEngine On
RewriteCond %{HTTP:Upgrade} websocket [NC]
RewriteCond %{HTTP:Connection} ^upgrade$ [NC]
RewriteRule ^/(.*) ws://127.0.0.1:3000/$1 [P,L]
→ProxyPass / http://127.0.0.1:3000/
""",
        paths=("/",),
        says="so to Firefox/133.0, which says Connection: keep-alive, Upgrade; others pass",
        advice=("WSLB-C061 confirmed",),
    ),
    "no-module-for-the-scheme": Written(
        text="""
ServerRoot /etc/httpd
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule proxy_module modules/mod_proxy.so
Listen 8080
→ProxyPass /ws ws://127.0.0.1:5000/ws
""",
        says="load mod_proxy_wstunnel",
        advice=("WSLB-C005 confirmed",),
    ),
    "password": Written(
        text="""
ProxyPass /ws ws://127.0.0.1:3000/ws
<Location />
    AuthType Basic
    AuthName members
    AuthUserFile /etc/httpd/passwords
    →Require valid-user
</Location>
""",
        says="httpd itself answers 401",
    ),
    "network-of-its-own": Written(
        text="""
<Location /ws>
    ProxyPass ws://127.0.0.1:3000/ws
    →Require ip 192.0.2.0/24
</Location>
""",
        says="the lab asks from 127.0.0.1",
    ),
    "rule-without-a-slash": Written(
        text="""
RewriteEngine On
RewriteCond %{HTTP:Upgrade} websocket [NC]
RewriteRule ^ws/(.*) ws://127.0.0.1:3000/$1 [P,L]
→ProxyPass / http://127.0.0.1:3000/
""",
        paths=("/ws/1",),
        says="takes it as plain HTTP",
    ),
    "path-with-a-slash-only": Written(
        text="""
ProxyPass /ws/ ws://127.0.0.1:3000/ws/
""",
        paths=("/ws",),
        says="no ProxyPass, ProxyPassMatch or RewriteRule takes this path",
    ),
    "match-of-the-whole-path": Written(
        text="""
ProxyPassMatch ^/ws$ ws://127.0.0.1:3000/ws
→ProxyPass / http://127.0.0.1:3000/
""",
        paths=("/ws/room",),
        says="takes it as plain HTTP",
        advice=("WSLB-C057 not tried",),
    ),
    "late-line": Written(
        text="""
→ProxyPass /app http://127.0.0.1:3000/app
ProxyPass /app/ws ws://127.0.0.1:3000/app/ws
""",
        says="site.conf:2 before that line: ProxyPass /app/ws ws://127.0.0.1:3000/app/ws never gets the path",
        advice=("WSLB-C050 confirmed",),
    ),
    "field-removed": Written(
        text="""
RequestHeader unset Upgrade early
→ProxyPass /ws http://127.0.0.1:3000/ws upgrade=websocket
""",
        says="takes it as plain HTTP",
        advice=("WSLB-C110 confirmed",),
    ),
    "wider-location-last": Written(
        text="""
<LocationMatch "^/ws">
    ProxyPassMatch ws://127.0.0.1:3000/ws
</LocationMatch>
<Location />
    →ProxyPass http://127.0.0.1:3000/
</Location>
""",
        paths=("/ws",),
        says="takes it as plain HTTP",
        advice=("WSLB-C051 confirmed", "WSLB-C057 not tried"),
    ),
    "member-over-tls-without-upgrade": Written(
        text="""
SSLProxyEngine On
→ProxyPass / https://app.internal:8443/
""",
        says="takes it as plain HTTP",
        advice=("WSLB-C063 confirmed",),
    ),
    "question-mark-in-a-path": Written(
        text="""
RewriteEngine On
RewriteCond %{HTTP:Upgrade} websocket [NC]
RewriteRule ^/(.*) ws://127.0.0.1:3000/$1 [P,L]
""",
        paths=("/ws%3Froom",),
        says="the path's %3F a question mark, which httpd refuses since 2.4.60: 403",
    ),
    "query-in-a-match": Written(
        text=r"""
ProxyPassMatch ^/ws\?token=(.*)$ ws://127.0.0.1:3000/ws
""",
        paths=("/ws?token=1",),
        says="no ProxyPass, ProxyPassMatch or RewriteRule takes this path",
        advice=("WSLB-C057 not tried", "WSLB-C067 confirmed"),
    ),
    "pattern-in-a-plain-line": Written(
        text="""
ProxyPass ^/ws$ ws://127.0.0.1:3000/ws
""",
        paths=("/ws",),
        says="no ProxyPass, ProxyPassMatch or RewriteRule takes this path",
        advice=("WSLB-C056 confirmed",),
    ),
    "slash-in-a-rule-of-a-folder": Written(
        text="""
RewriteEngine On
RewriteRule ^/ws(.*) ws://127.0.0.1:3000/ws$1 [P,L]
""",
        name=".htaccess",
        says="no ProxyPass, ProxyPassMatch or RewriteRule takes this path",
        advice=("WSLB-C145 confirmed",),
    ),
    "rule-in-a-location": Written(
        text="""
<Location /ws>
    RewriteEngine On
    RewriteRule ^/ws(.*) ws://127.0.0.1:3000/ws$1 [P,L]
</Location>
""",
        paths=("/ws",),
        says="no ProxyPass, ProxyPassMatch or RewriteRule takes this path",
        advice=("WSLB-C131 confirmed",),
    ),
    "pattern-in-a-plain-line-unasked": Written(
        text="""
ProxyPass ^/rooms/.*$ ws://127.0.0.1:3000/
""",
        says="add: ProxyPass /rooms/ ws://HOST:PORT/rooms/",
        advice=("WSLB-C056 confirmed",),
    ),
    "no-time-at-all": Written(
        text="""
Timeout 0
→ProxyPass /ws ws://127.0.0.1:3000/ws
""",
        says="takes it, and 50",
        advice=("WSLB-C092 confirmed",),
    ),
    "engine-off": Written(
        text="""
RewriteRule ^/ws ws://127.0.0.1:3000/ws [P,L]
""",
        says="no ProxyPass, ProxyPassMatch or RewriteRule takes this path",
        advice=("WSLB-C060 confirmed",),
    ),
    "balancer-misspelt": Written(
        text="""
<Proxy balancer://nodes>
    BalancerMember ws://10.0.0.1:80
    BalancerMember ws://10.0.0.2:80
</Proxy>
→ProxyPass /ws balancer://node/ws
""",
        says="leads to a balancer of which no member can be elected: 503\ngive it members in the same server",
        advice=("WSLB-C024 confirmed",),
    ),
    "all-disabled": Written(
        text="""
<Proxy balancer://nodes>
    BalancerMember ws://10.0.0.1:80 status=+D
    BalancerMember ws://10.0.0.2:80 status=+D
</Proxy>
→ProxyPass /ws balancer://nodes/ws
""",
        says="leads to a balancer of which no member can be elected: 503\ngive it members in the same server",
        advice=("WSLB-C032 confirmed",),
    ),
    "one-member-of-two": Written(
        text="""
<Proxy balancer://nodes>
    BalancerMember ws://10.0.0.1:80
    BalancerMember http://10.0.0.2:80
</Proxy>
→ProxyPass /ws balancer://nodes/ws
""",
        says="takes it as plain HTTP",
        advice=("WSLB-C027 confirmed",),
    ),
    "inherited-although-inherit-is-off": Written(
        text="""
→ProxyPass / http://127.0.0.1:3000/
<VirtualHost *:80>
    ServerName site.example.org
    ProxyPassInherit Off
    ProxyPass /ws ws://127.0.0.1:3000/ws
</VirtualHost>
""",
        says="takes it as plain HTTP",
    ),
    "no-access-module": Written(
        text="""
ServerRoot /etc/httpd
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_http_module modules/mod_proxy_http.so
Listen 8080
ProxyPass /ws ws://127.0.0.1:5000/ws
""",
        says="nobody decides who may ask, so httpd answers 500\nload mod_authz_core",
        advice=("WSLB-C004 confirmed",),
    ),
}

REFUSED: dict[str, tuple[Written, str]] = {
    "comment-behind-a-line": (
        Written(text="→ProxyPass /ws ws://127.0.0.1:3000/ws # the sockets"),
        "Parameter must be in the form 'key=value'",
    ),
    "parameter-misspelt": (
        Written(text="→ProxyPass /ws ws://127.0.0.1:3000/ws timout=5"),
        "unknown Worker",
    ),
    "proxypass-in-a-folder": (
        Written(text="RewriteEngine On\n→ProxyPass /ws ws://127.0.0.1:3000/ws", name=".htaccess"),
        "ProxyPass not allowed here",
    ),
    "proxypass-in-an-if": (
        Written(text="<If \"%{HTTP:Upgrade} == 'websocket'\">\n    →ProxyPass /ws ws://127.0.0.1:3000/ws\n</If>"),
        "cannot occur within <If> section",
    ),
}
"""What httpd does not start with, and what it says; no edit is made that would change the meaning."""
