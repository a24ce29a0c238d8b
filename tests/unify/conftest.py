"""Makes pytest explain the assertions in the shared part of the golden tests too."""

import pytest

pytest.register_assert_rewrite("golden")
