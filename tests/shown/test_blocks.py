"""The reader of pages."""

import unittest

from blocks import blocks

PAGE = """# A page
```sh
# A comment.
one 'a b'    # and why

two \\
  three \\
  four
```
Between, `code` and
```python
not(this)
```
```text
nor this
```
1. In a list:
   ```bash
   five && six
   ```
```sh
# Nothing but this.
```
"""


class Blocks(unittest.TestCase):
    def test_commands_have_their_lines(self):
        [first, second] = blocks("page.md", PAGE)
        self.assertEqual([(command.line, command.text) for command in first], [(4, "one 'a b'    # and why"), (6, "two \\\n  three \\\n  four")])
        self.assertEqual([(command.place, command.text.strip()) for command in second], [("page.md:19", "five && six")])

    def test_what_a_shell_does_not_run_is_left_out(self):
        self.assertEqual(blocks("page.md", "```\nplain\n```\n```shell-session\n$ one\n```\n"), [])


if __name__ == "__main__":
    unittest.main()
