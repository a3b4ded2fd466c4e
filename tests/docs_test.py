#!/usr/bin/python3
"""Holds the guides and examples against the daemon: links lead somewhere, flags and variables exist,
configurations load, compose and Kubernetes files are valid and ask for nothing that there is not."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
GUIDES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
EXAMPLES = ROOT / "docs/examples"
# Written about as mistakes or as other software's.
NOT_OURS = {"MCRELAY_LISTEM", "MCRELAY_SERVICE_HOST", "MCRELAY_SERVICE_PORT", "MCRELAY_PORT",
            "MCRELAY_PORT_11211_TCP_ADDR"}
# Variables of the build and the tests.
BUILD = {"MCRELAY_BINARY", "MCRELAY_WERROR", "MCRELAY_TESTS", "MCRELAY_BENCH", "MCRELAY_SCREENSHOT",
         "MCRELAY_TEST_SLOWNESS", "MCRELAY_DEV_BINARY", "MCRELAY_SANITIZE", "MCRELAY_LTO", "MCRELAY_LONG"}


def mcrelay(*arguments, env=None):
    return subprocess.run([os.environ["MCRELAY_BINARY"], *arguments], capture_output=True, text=True,
                          timeout=30, check=False, env={"PATH": os.environ["PATH"], **(env or {})})


def fences(path, language):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", path.read_text(), re.MULTILINE | re.DOTALL)


def anchor(heading):
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


def anchors(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


class Guides(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        count = 0
        for guide in GUIDES:
            for target in re.findall(r"\]\(([^)\s]+)\)", guide.read_text()):
                if re.match(r"https?:|mailto:", target):
                    continue
                count += 1
                with self.subTest(guide=guide.name, target=target):
                    name, _, part = target.partition("#")
                    path = guide.parent / name if name else guide
                    self.assertTrue(path.exists())
                    if part:
                        self.assertIn(part, anchors(path))
        self.assertGreater(count, 60)

    def test_every_guide_is_reached_from_the_readme(self):
        reached, todo = set(), [ROOT / "README.md"]
        while todo:
            guide = todo.pop()
            if guide in reached or not guide.exists():
                continue
            reached.add(guide)
            for target in re.findall(r"\]\(([^)\s#]+\.md)", guide.read_text()):
                if "//" not in target:
                    todo.append((guide.parent / target).resolve())
        self.assertEqual({path for path in GUIDES if path.parent.name == "docs"} - reached, set())

    def test_every_variable_exists(self):
        """The daemon itself says which it does not know."""
        files = [*GUIDES, *(path for path in EXAMPLES.rglob("*") if path.is_file()), ROOT / "Dockerfile",
                 *ROOT.glob("systemd/*"), *ROOT.glob("docs/man/*")]
        named = {name for path in files for name in re.findall(r"\bMCRELAY_[A-Z0-9_]*[A-Z0-9]\b", path.read_text())}
        self.assertGreater(len(named), 10)
        done = mcrelay("--check-config", env={name: "" for name in named})
        self.assertEqual(done.returncode, 0, done.stderr)
        unknown = set()
        for name in named - NOT_OURS - BUILD - {"MCRELAY_CONFIG"}:
            if "no such setting" in mcrelay("--check-config", env={name: "1"}).stderr:
                unknown.add(name)
        self.assertEqual(unknown, set())

    def test_the_environment_of_the_process_is_documented(self):
        """Variables without the prefix, which no table of keys knows: those the source asks for."""
        asked = set()
        for path in [*ROOT.glob("config/*.cc"), *ROOT.glob("daemon/**/*.cc")]:
            asked |= set(re.findall(r'(?:getenv|Lookup)\((?:environment, )?"([A-Z_]+)"\)', path.read_text()))
        self.assertGreaterEqual(len(asked), 4, asked)
        text = (ROOT / "docs/configuration.md").read_text()
        self.assertEqual({name for name in asked if f"`{name}`" not in text}, set())

    def test_every_flag_exists(self):
        known = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", mcrelay("--help").stdout))
        commands = [line for guide in GUIDES for block in fences(guide, "(?:sh|bash)") for line in block.splitlines()
                    if re.match(r" *(build/release/)?mcrelay ", line)]
        commands += [line for guide in GUIDES for line in re.findall(r"`(mcrelay [^`]*)`", guide.read_text())]
        self.assertGreater(len(commands), 8)
        for command in commands:
            for flag in re.findall(r"(?<= )--?[a-zA-Z][\w-]*", command.split("#")[0]):
                self.assertIn(flag, known, command)

    def test_configurations_marked_as_such_load(self):
        blocks = [(guide, block) for guide in GUIDES for block in fences(guide, "yaml")
                  if block.startswith("# mcrelay.yaml")]
        self.assertGreaterEqual(len(blocks), 2)
        for guide, block in blocks:
            with self.subTest(guide.name), tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(block)
                file.flush()
                done = mcrelay("--check-config", "--config", file.name)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_every_yaml_in_the_guides_is_valid(self):
        for guide in GUIDES:
            for block in fences(guide, "yaml"):
                with self.subTest(guide.name):
                    self.assertIsNotNone(yaml.safe_load(block))


    def test_the_runbook_has_every_alert_and_no_other(self):
        alerts = set(re.findall(r"alert: (\w+)", (EXAMPLES / "prometheus-alerts.yaml").read_text()))
        self.assertGreater(len(alerts), 8)
        self.assertEqual(set(re.findall(r"\bMcrelay\w+", (ROOT / "docs/runbook.md").read_text())), alerts)


class Examples(unittest.TestCase):
    def container_loads(self, arguments, environment):
        """What the container is told is a valid command line and environment."""
        with tempfile.TemporaryDirectory(prefix="mcrelay-docs-") as folder:
            password = pathlib.Path(folder, "password")
            password.write_text("open sesame\n")
            env = {name: str(password) if name.endswith("_FILE") else value for name, value in environment.items()}
            done = mcrelay("--print-config", *arguments, env=env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("no such setting", mcrelay("--check-config", *arguments, env=env).stderr)
        return yaml.safe_load(done.stdout)

    def test_all_are_valid_yaml(self):
        files = list(EXAMPLES.rglob("*.yaml"))
        self.assertGreaterEqual(len(files), 6)
        for path in files:
            self.assertTrue(all(isinstance(document, dict) for document in yaml.safe_load_all(path.read_text())), path)

    def test_compose(self):
        compose = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())
        service = compose["services"]["mcrelay"]
        self.assertLessEqual(set(service), {
            "build", "image", "environment", "command", "ports", "volumes", "read_only", "cap_drop", "security_opt",
            "restart", "stop_grace_period", "healthcheck", "depends_on", "networks", "user"})
        self.assertTrue((EXAMPLES / service["build"] / "Dockerfile").exists())
        loaded = self.container_loads(service["command"], service["environment"])
        host = re.match(r"redis://([^:/]+)", service["environment"]["REDIS_URL"])[1]
        self.assertIn(host, compose["services"])
        self.assertIn(host, str(loaded["backends"]))
        self.assertEqual((service["read_only"], service["cap_drop"]), (True, ["ALL"]))
        self.assertGreater(int(service["stop_grace_period"].rstrip("s")), int(loaded["timeouts"]["drain"].rstrip("s")))
        self.assertEqual(set(compose["volumes"]), {volume.split(":")[0] for other in compose["services"].values()
                                                   for volume in other.get("volumes", [])})

    def test_kubernetes_sidecar(self):
        documents = list(yaml.safe_load_all((EXAMPLES / "kubernetes-sidecar.yaml").read_text()))
        pod = next(each for each in documents if each["kind"] == "Deployment")["spec"]["template"]["spec"]
        sidecar, = pod["initContainers"]
        self.assertEqual(sidecar["restartPolicy"], "Always")  # what makes an init container a sidecar
        environment = {variable["name"]: variable["value"] for variable in sidecar["env"]}
        loaded = self.container_loads(sidecar.get("args", []), environment)
        mounts = {mount["name"]: mount["mountPath"] for mount in sidecar["volumeMounts"]}
        self.assertLessEqual({mount["name"] for container in [sidecar, *pod["containers"]]
                              for mount in container["volumeMounts"]}, {volume["name"] for volume in pod["volumes"]})
        shared = next(volume["name"] for volume in pod["volumes"] if "emptyDir" in volume)
        self.assertIn(f"unix:{mounts[shared]}/mcrelay.sock", loaded["listen"])
        self.assertIn(shared, [mount["name"] for mount in pod["containers"][0]["volumeMounts"]])
        self.assertTrue(environment["MCRELAY_PASSWORD_FILE"].startswith(mounts["redis-password"] + "/"))
        help_text = mcrelay("--help").stdout
        for probe in ("startupProbe", "livenessProbe"):
            program, flag = sidecar[probe]["exec"]["command"]
            self.assertEqual(program, "mcrelay")
            self.assertIn(flag, help_text)
        security = sidecar["securityContext"]
        self.assertEqual((security["runAsUser"], security["readOnlyRootFilesystem"],
                          security["allowPrivilegeEscalation"], security["capabilities"]),
                         (11211, True, False, {"drop": ["ALL"]}))
        self.assertIn("USER 11211:11211\n", (ROOT / "Dockerfile").read_text())
        self.assertGreater(pod["terminationGracePeriodSeconds"], int(loaded["timeouts"]["drain"].rstrip("s")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
