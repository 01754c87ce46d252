"""requests_ntlm against the sandbox: the status with the right password and with a wrong one."""
import os

import requests
import requests_ntlm

url = f"https://localhost:{os.environ['HTTPS_PORT']}/EWS/Exchange.asmx"
statuses = []
for password in (os.environ["PASSWORD"], "wrong"):
    auth = requests_ntlm.HttpNtlmAuth("SANDBOX\\alice", password, send_cbt=True)
    with requests.Session() as session:
        session.trust_env = False
        session.verify = os.environ["CA_FILE"]
        statuses.append(session.get(url, auth=auth, timeout=30).status_code)
        # The connection stays signed in: the next request needs no sign-in of its own.
        if statuses[0] == 200 and len(statuses) == 1:
            assert session.get(url, timeout=30).status_code == 200
print(*statuses)
