"""What stands between the findings of a playbook and those that are shown, and the fixes of a text.

Everything here is about one text and knows no files: `selection` by code, name or family, `comments` that suppress,
the `baseline` of findings that are known, and `fixes`, which edit spans.
"""
