"""Makes pytest explain the assertions of the golden tests' shared half too."""

import pytest

pytest.register_assert_rewrite("golden")
