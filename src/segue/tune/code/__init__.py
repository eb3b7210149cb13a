"""The sweep's file and the code that it uses: found, loaded, recorded, and where it came from."""
