"""The settings that cluster files may contain.

They come from Ray's own schema, and from lists of what its schema leaves open.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

_ALL_PROVIDERS = (
    "type",
    "disable_node_updaters",
    "disable_launch_config_check",
    "foreground_node_launch",
    "worker_liveness_check",
    "worker_rpc_drain",
    "use_internal_ips",
)
PROVIDERS = {
    "aws": (
        *_ALL_PROVIDERS,
        *(
            "region",
            "availability_zone",
            "cache_stopped_nodes",
            "key_pair",
            "security_group",
            "cloudwatch",
        ),
        "aws_credentials",
    ),
    "local": (*_ALL_PROVIDERS, "head_ip", "worker_ips", "external_head_ip", "coordinator_address"),
}
"""The keys of `provider`, by its type; those of other types are not checked."""

EC2 = (
    "AdditionalInfo",
    "BlockDeviceMappings",
    "CapacityReservationSpecification",
    "CpuOptions",
    "CreditSpecification",
    "DisableApiStop",
    "DisableApiTermination",
    "EbsOptimized",
    "EnablePrimaryIpv6",
    "EnclaveOptions",
    "HibernationOptions",
    "IamInstanceProfile",
    "ImageId",
    "InstanceInitiatedShutdownBehavior",
    "InstanceMarketOptions",
    "InstanceType",
    "Ipv6AddressCount",
    "Ipv6Addresses",
    "KernelId",
    "KeyName",
    "LaunchTemplate",
    "LicenseSpecifications",
    "MaintenanceOptions",
    "MaxCount",
    "MetadataOptions",
    "MinCount",
    "Monitoring",
    "NetworkInterfaces",
    "NetworkPerformanceOptions",
    "Operator",
    "Placement",
    "PrivateDnsNameOptions",
    "PrivateIpAddress",
    "RamdiskId",
    "SecurityGroupIds",
    "SecurityGroups",
    "SubnetId",
    "SubnetIds",
    "TagSpecifications",
    "UserData",
)
"""The keys of an AWS `node_config`: the parameters of EC2's RunInstances, and Ray's `SubnetIds`."""

EC2_PARTS = {
    "InstanceMarketOptions": ("MarketType", "SpotOptions"),
    "MetadataOptions": (
        *(
            "HttpTokens",
            "HttpPutResponseHopLimit",
            "HttpEndpoint",
            "HttpProtocolIpv6",
            "InstanceMetadataTags",
        ),
    ),
}

_GROUP = ("rayStartParams", "template", "resources", "labels")
RAY_CLUSTER = {
    "": ("apiVersion", "kind", "metadata", "spec"),
    "metadata": ("name", "namespace", "labels", "annotations"),
    "spec": (
        *(
            "rayVersion",
            "authOptions",
            "enableInTreeAutoscaling",
            "autoscalerOptions",
            "headGroupSpec",
        ),
        *(
            "workerGroupSpecs",
            "gcsFaultToleranceOptions",
            "headServiceAnnotations",
            "managedBy",
            "suspend",
        ),
        *("upgradeStrategy", "networkPolicy"),
    ),
    "spec.authOptions": ("mode", "secretName", "enableK8sTokenAuth"),
    "spec.autoscalerOptions": (
        *(
            "idleTimeoutSeconds",
            "upscalingMode",
            "version",
            "image",
            "imagePullPolicy",
            "resources",
            "env",
            "envFrom",
        ),
        *("volumeMounts", "securityContext"),
    ),
    "spec.headGroupSpec": (*_GROUP, "serviceType", "headService", "enableIngress"),
    "spec.workerGroupSpecs[]": (
        *_GROUP,
        *(
            "groupName",
            "replicas",
            "minReplicas",
            "maxReplicas",
            "numOfHosts",
            "idleTimeoutSeconds",
            "scaleStrategy",
        ),
        "suspend",
    ),
}
"""The keys of KubeRay's RayCluster, by the path of their table."""


def launcher_keys() -> tuple[str, ...]:
    """Return the settings of a file for `ray up`."""
    return (*_schema()["properties"], "min_workers")  # the last is for `type: local`


def node_type_keys() -> tuple[str, ...]:
    """Return the settings of an entry of `available_node_types` in a file for `ray up`."""
    return tuple(
        _schema()["properties"]["available_node_types"]["patternProperties"][".*"]["properties"]
    )


@cache
def _schema() -> dict[str, Any]:
    import ray.autoscaler

    schema: dict[str, Any] = json.loads(
        (Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text()
    )
    return schema
