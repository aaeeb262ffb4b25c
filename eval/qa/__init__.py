"""Questions about videos: own sets and public benchmarks, answered by the instruments or by a model, and scored."""
