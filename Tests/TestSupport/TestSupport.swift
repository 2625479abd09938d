/// Where fixtures and oracles shared by the test targets live.
public enum TestSupport {}
