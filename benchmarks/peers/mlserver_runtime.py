"""MLServer: a runtime of its own kind, with its NumPy codec at both ends."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from onnx_network import Network


class OnnxModel(MLModel):
    """One tensor of rows in, classes and probabilities out."""

    async def load(self) -> bool:
        """Load the network."""
        self.network = Network()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer the rows of the first input."""
        probabilities = self.network.predict(NumpyCodec.decode_input(payload.inputs[0]))
        outputs = [
            NumpyCodec.encode_output("predictions", probabilities.argmax(axis=1)),
            NumpyCodec.encode_output("probabilities", probabilities),
        ]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
