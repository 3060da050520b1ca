from tests.component.sandbox.conftest import sandbox, start

__all__ = ["sandbox", "start"]
