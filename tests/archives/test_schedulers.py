"""The manifest of Kubernetes on docs/archives.md against its schema.

    python -m unittest discover -s tests/archives
"""

import re
import unittest

import kubernetes_validate
import yaml

from footage import ROOT

VERSION = "1.37"


class Kubernetes(unittest.TestCase):
    def setUp(self):
        page = (ROOT / "docs" / "archives.md").read_text(encoding="utf-8")
        [text] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
        self.job = yaml.safe_load(text)

    def test_the_job_is_one(self):
        kubernetes_validate.validate(self.job, VERSION, strict=True)

    def test_a_misspelled_field_would_be_found(self):
        self.job["spec"]["completionsMode"] = self.job["spec"].pop("completionMode")
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(self.job, VERSION, strict=True)

    def test_its_shards_are_all(self):
        [container] = self.job["spec"]["template"]["spec"]["containers"]
        self.assertIn(f"/{self.job['spec']['completions']}\"", container["command"][-1])


if __name__ == "__main__":
    unittest.main()
