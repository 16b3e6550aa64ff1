import pytest
from parts_process import Parts


@pytest.fixture(scope="module")
def parts():
    parts = Parts()
    yield parts
    parts.end()
