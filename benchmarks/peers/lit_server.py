"""LitServe: `python lit_server.py PORT`."""

import sys
from typing import Any

import litserve
from onnx_network import Network


class Api(litserve.LitAPI):
    """Rows of numbers in, classes and probabilities out."""

    def setup(self, device: str) -> None:
        self.network = Network()

    def decode_request(self, request: dict[str, Any]) -> Any:
        return request["instances"]

    def predict(self, rows: Any) -> dict[str, Any]:
        return self.network.answer(rows)

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, log_level="warning", generate_client_file=False
    )
