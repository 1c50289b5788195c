"""The token of a job for git, which fetches from and pushes to the repository."""

from base64 import b64encode

DEFAULT_SERVER = "https://github.com"


def credentials(server: str, token: str) -> dict[str, str]:
    """Variables that give git the token for this server and no other.

    They are in no file, and in no argument, which other processes could read. `server` is the
    address in GITHUB_SERVER_URL ("": GitHub's).
    https://git-scm.com/docs/git-config#Documentation/git-config.txt-GITCONFIGCOUNT
    """
    address = (server or DEFAULT_SERVER).rstrip("/")
    basic = b64encode(f"x-access-token:{token}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{address}/.extraheader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        "GIT_TERMINAL_PROMPT": "0",
    }
