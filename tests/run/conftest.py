import pytest
from graph_runs import Home
from parts_process import Parts


@pytest.fixture(scope="module")
def parts():
    parts = Parts()
    yield parts
    parts.end()


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)
